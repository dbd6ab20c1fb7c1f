/* What a C program sees of an artifact: minimum, lower quartile and median of LiteRtRunCompiledModel, by LiteRT's C API, as one line of JSON.

   fidelity LIBRARY ARTIFACT INPUT_BYTES_FILE MIN_INVOCATIONS MIN_SECONDS

   LIBRARY is the wheel's own libLiteRt.so. The wheel has no headers: the declarations below are those of litert/c/ at LiteRT 2.3. One thread, which
   is the library's default, and XNNPACK. Half a second of warming up, as the agent has at least; then each invocation is timed by itself. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *Handle;
typedef struct { int element; struct { uint32_t rank; int32_t dimensions[8]; const uint32_t *strides; } layout; } TensorType;
enum { CPU = 1, READ_LOCK = 0, WRITE_LOCK = 1, MOST = 1 << 20 };

static void *library;

static int64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int ascending(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

#define CALL(name, ...) do { \
    int (*function)() = (int (*)())dlsym(library, #name); \
    int status = function ? function(__VA_ARGS__) : -1; \
    if (status) { fprintf(stderr, #name " answers %d\n", status); exit(1); } \
  } while (0)

int main(int count, char **words) {
  if (count != 6 || !(library = dlopen(words[1], RTLD_NOW))) { fprintf(stderr, "%s\n", count == 6 ? dlerror() : "5 words, please"); return 2; }
  size_t least = strtoul(words[4], NULL, 10), size;
  int64_t least_ns = strtod(words[5], NULL) * 1e9;
  Handle environment, model, options, compiled, signature, tensor, needs, input, output;
  TensorType type;
  void *bytes;

  CALL(LiteRtCreateEnvironment, 0, NULL, &environment);
  CALL(LiteRtCreateModelFromFile, environment, words[2], &model);
  CALL(LiteRtCreateOptions, &options);
  CALL(LiteRtSetOptionsHardwareAccelerators, options, CPU);
  CALL(LiteRtCreateCompiledModel, environment, model, options, &compiled);
  CALL(LiteRtGetModelSignature, model, (size_t)0, &signature);
  CALL(LiteRtGetSignatureInputTensorByIndex, signature, (size_t)0, &tensor);
  CALL(LiteRtGetRankedTensorType, tensor, &type);
  CALL(LiteRtGetCompiledModelInputBufferRequirements, compiled, (size_t)0, (size_t)0, &needs);
  CALL(LiteRtCreateManagedTensorBufferFromRequirements, environment, &type, needs, &input);
  CALL(LiteRtGetSignatureOutputTensorByIndex, signature, (size_t)0, &tensor);
  CALL(LiteRtGetRankedTensorType, tensor, &type);
  CALL(LiteRtGetCompiledModelOutputBufferRequirements, compiled, (size_t)0, (size_t)0, &needs);
  CALL(LiteRtCreateManagedTensorBufferFromRequirements, environment, &type, needs, &output);

  FILE *file = fopen(words[3], "rb");
  CALL(LiteRtGetTensorBufferPackedSize, input, &size);
  CALL(LiteRtLockTensorBuffer, input, &bytes, WRITE_LOCK);
  if (!file || fread(bytes, 1, size, file) != size) { fprintf(stderr, "%s is not %zu bytes\n", words[3], size); return 2; }
  CALL(LiteRtUnlockTensorBuffer, input);

  int (*run)(Handle, size_t, size_t, Handle *, size_t, Handle *) = dlsym(library, "LiteRtRunCompiledModel");
  int64_t *samples = malloc(MOST * sizeof *samples), start = now_ns(), began = start, ended = start;
  size_t taken = 0;
  int failed = 0;
  while (taken < 20 || now_ns() - start < 500000000LL) { failed |= run(compiled, 0, 1, &input, 1, &output); taken++; }
  for (taken = 0, start = ended = now_ns(); taken < MOST && (taken < least || ended - start < least_ns); samples[taken++] = ended - began) {
    began = now_ns();
    failed |= run(compiled, 0, 1, &input, 1, &output);
    ended = now_ns();
  }
  if (failed) { fprintf(stderr, "LiteRtRunCompiledModel answers %d\n", failed); return 1; }
  qsort(samples, taken, sizeof *samples, ascending);
  CALL(LiteRtLockTensorBuffer, output, &bytes, READ_LOCK);
  printf("{\"min_ns\": %lld, \"p25_ns\": %lld, \"p50_ns\": %lld, \"invocations\": %zu, \"score\": %.9g}\n", (long long)samples[0],
         (long long)samples[(taken - 1) / 4], (long long)samples[(taken - 1) / 2], taken, *(float *)bytes);
  return 0;
}
