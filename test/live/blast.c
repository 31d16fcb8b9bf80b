/* Sends small UDP datagrams at a steady rate: blast ADDRESS PORT PER_SECOND SECONDS. Prints how many were sent. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 50

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  inet_pton(AF_INET, argv[1], &to.sin_addr);
  int sock = socket(AF_INET, SOCK_DGRAM, 0);
  connect(sock, (struct sockaddr *)&to, sizeof to);
  char payload[18] = {0};
  struct iovec piece = {payload, sizeof payload};
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    messages[i].msg_hdr.msg_iov = &piece;
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  double rate = atof(argv[3]), start = now();
  long target = (long)(rate * atof(argv[4])), sent = 0;
  while (sent < target) {
    double ahead = start + sent / rate - now();
    if (ahead > 0) {
      struct timespec pause = {(time_t)ahead, (long)((ahead - (time_t)ahead) * 1e9)};
      nanosleep(&pause, NULL);
    }
    int count = sendmmsg(sock, messages, target - sent < BATCH ? (int)(target - sent) : BATCH, 0);
    if (count > 0) sent += count;
  }
  printf("%ld\n", sent);
  return 0;
}
