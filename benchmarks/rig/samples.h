/* Microseconds, collected and summed up: clock, growing arrays, percentiles. */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

struct samples {
  float *values;
  size_t count, capacity;
};

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void push(struct samples *samples, double value) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity ? samples->capacity * 2 : 65536;
    samples->values = realloc(samples->values, samples->capacity * sizeof(float));
  }
  samples->values[samples->count++] = value;
}

static int compare(const void *left, const void *right) {
  float a = *(const float *)left, b = *(const float *)right;
  return (a > b) - (a < b);
}

static void sort(struct samples *samples) {
  if (samples->count)
    qsort(samples->values, samples->count, sizeof(float), compare);
}

/* Of sorted samples; -1 when there are none. */
static double percentile(const struct samples *samples, double share) {
  if (!samples->count)
    return -1;
  return samples->values[(size_t)(share * (samples->count - 1) + 0.5)];
}

static double mean(const struct samples *samples) {
  double sum = 0;
  for (size_t i = 0; i < samples->count; i++)
    sum += samples->values[i];
  return samples->count ? sum / samples->count : 0;
}
