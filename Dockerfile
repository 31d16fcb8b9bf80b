# capan with tcpdump, so that `capan live` works in the network namespace of the container.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-fund --no-audit --omit=optional
COPY . .
# Shown by capan --version; the context of a build holds no repository.
ARG CAPAN_COMMIT=""
ENV CAPAN_COMMIT=$CAPAN_COMMIT
RUN npm pack --silent && mv capan-*.tgz /capan.tgz

FROM node:22-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends tcpdump \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /capan.tgz /tmp/capan.tgz
RUN npm install --global --no-fund --no-audit --omit=optional /tmp/capan.tgz && rm /tmp/capan.tgz
WORKDIR /captures
ENTRYPOINT ["capan"]
CMD ["--help"]
