import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { Container } from '../container-store-shape.js';

/** First digits of a GUID: enough to tell apps apart, short enough to stand beside an address. */
const GUID_DIGITS = 8;

/** store.json of a Cloud Foundry cell (/var/vcap/data/container-metadata): every container of that cell by its handle. */
export default defineSideFileReader<Container>({
  kind: 'container store',
  json: {
    words: 'a container store',
    option: 'store',
    recognises: isContainerStore,
    async read(file, value) {
      const { readContainerStore } = await import('../container-store-shape.js');
      return readContainerStore(file, value);
    },
  },
  names: { rank: 'workload', nameOf: appName },
  commands: ['store.json'],
  usedBy: [
    'silk.unknown-container',
    'silk.metadata-missing',
    'silk.tag-ip-mismatch',
    'silk.port-access-unsupported',
    'overlay.policy-reject',
  ],
});

/** An object of objects, of which the first has an `ip`. The empty one of a cell without containers may be anything. */
function isContainerStore(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const [first] = Object.values(value) as unknown[];
  return first !== null && typeof first === 'object' && 'ip' in first;
}

function appName(address: string, containers: readonly Container[]): string | null {
  const container = containers.find((one) => one.address === address);
  if (container === undefined) return null;
  return container.app === null
    ? `container ${container.handle}`
    : `app ${container.app.slice(0, GUID_DIGITS)}`;
}
