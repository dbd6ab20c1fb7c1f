/* Sets the wall clock of whoever preloads it by the seconds in the file that FARM_TEST_OFFSET names; the monotonic clock
   stays. Tests compile it: Linux has no namespace for the wall clock, and setting the machine's would hit everybody. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, now);
  const char *path = getenv("FARM_TEST_OFFSET");
  if (id == CLOCK_REALTIME && path) {
    FILE *file = fopen(path, "r");
    long seconds = 0;
    if (file) {
      if (fscanf(file, "%ld", &seconds) == 1) now->tv_sec += seconds;
      fclose(file);
    }
  }
  return result;
}
