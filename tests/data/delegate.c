/* An external delegate that takes nothing, or refuses every graph: the interface of tensorflow/lite/delegates/external,
   its structures as tensorflow/lite/core/c/common.h has them. Tests compile it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct TfLiteDelegate {
  void *data_;
  int (*Prepare)(void *context, struct TfLiteDelegate *delegate);
  void *copy_from, *copy_to, *free_handle;
  int64_t flags;
  void *opaque_delegate_builder;
} TfLiteDelegate;

static int take_nothing(void *context, TfLiteDelegate *delegate) { return 0; }
static int refuse(void *context, TfLiteDelegate *delegate) { return 2; /* kTfLiteDelegateError */ }

TfLiteDelegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  TfLiteDelegate *delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = take_nothing;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "mood") == 0 && strcmp(values[i], "refuse") == 0) delegate->Prepare = refuse;
    if (strcmp(keys[i], "mood") == 0 && strcmp(values[i], "absent") == 0) {
      report("no such accelerator on the bus");
      free(delegate);
      return NULL;
    }
  }
  return delegate;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) { free(delegate); }
