/* A client of the fake upstream, and the timers that delay its answers. */
#pragma once
#include <stdint.h>
#include <stddef.h>
#include <time.h>

#include "incoming.h"

#define BUFFER (1 << 18)
#define MAX_DELAYS 64

struct port {
  int fd;
  int64_t latency, gap; /* nanoseconds */
};

struct connection {
  int fd;
  struct port *port;
  char *buffer;
  size_t length;
  int busy;
  enum kind kind;
  int step; /* of the stream */
  int64_t received_at;
  struct connection *next; /* in its queue of timers */
  int64_t due_at;
  int has_timer;
};

/* Timers of one delay come due in the order they were set, so that each delay is a plain queue. */
struct queue {
  int64_t delay;
  struct connection *first, *last;
};

static int queue_count;
static struct queue queues[MAX_DELAYS];

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static struct queue *queue_of(int64_t delay) {
  for (int i = 0; i < queue_count; i++)
    if (queues[i].delay == delay)
      return &queues[i];
  queues[queue_count] = (struct queue){.delay = delay};
  return &queues[queue_count++];
}

static void set_timer(struct connection *connection, int64_t delay) {
  struct queue *queue = queue_of(delay);
  connection->due_at = now_ns() + delay;
  connection->next = NULL;
  connection->has_timer = 1;
  if (queue->last)
    queue->last->next = connection;
  else
    queue->first = connection;
  queue->last = connection;
}

/* Returns 0 when no timer is set. */
static int until_next_timer(struct timespec *pause) {
  int64_t first = -1;
  for (int i = 0; i < queue_count; i++)
    if (queues[i].first && (first < 0 || queues[i].first->due_at < first))
      first = queues[i].first->due_at;
  if (first < 0)
    return 0;
  int64_t wait = first - now_ns();
  if (wait < 0)
    wait = 0;
  *pause = (struct timespec){wait / 1000000000, wait % 1000000000};
  return 1;
}

/* NULL when none of this queue is due. */
static struct connection *take_due(struct queue *queue, int64_t now) {
  struct connection *connection = queue->first;
  if (!connection || connection->due_at > now)
    return NULL;
  queue->first = connection->next;
  if (!queue->first)
    queue->last = NULL;
  connection->has_timer = 0;
  return connection;
}
