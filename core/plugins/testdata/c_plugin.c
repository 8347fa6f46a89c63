/* A plugin in C, against the header alone: it shows that the ABI needs no C++, and is built in
 * variants that are each wrong in one way, which the SDK would not let through. */
#include <string.h>

#include "aftersales/plugin.h"

static const aftersales_host_api* host_api;

static int32_t write_bytes(const aftersales_sink* sink, const char* bytes, size_t size) {
  uint8_t* out = sink->reserve(sink->ctx, size);
  if (out == NULL) return 8;
  memcpy(out, bytes, size);
  return 0;
}

/* DescribeResponse: plugin_id (1), version (4), kind (5) = KIND_ERP, one method (6): PushChanges,
 * SUPPORTED. */
#define DESCRIPTION(id_size, id) \
  "\x0a" id_size id              \
  "\x22\x05"                     \
  "1.0.0"                        \
  "\x28\x03"                     \
  "\x32\x0f\x0a\x0b"             \
  "PushChanges"                  \
  "\x10\x01"

static int32_t describe(const aftersales_sink* response, const aftersales_sink* status) {
  (void)status;
#if defined(VARIANT_BAD_ID)
  static const char kBytes[] = DESCRIPTION("\x08", "../Plain");
#elif defined(VARIANT_GARBAGE)
  static const char kBytes[] = "\xff\xff\xff\xff";
#else
  static const char kBytes[] = DESCRIPTION("\x07", "plain-c");
#endif
  return write_bytes(response, kBytes, sizeof(kBytes) - 1);
}

static int instance_memory;

static int32_t create(aftersales_bytes request, aftersales_instance** instance,
                      const aftersales_sink* status) {
  (void)request;
  (void)status;
  *instance = (aftersales_instance*)&instance_memory;
  return 0;
}

static void destroy(aftersales_instance* instance) { (void)instance; }

static int32_t resolve_method(aftersales_bytes path) {
  static const char kPath[] = "/aftersales.plugin.v1.ErpPlugin/PushChanges";
  return path.size == sizeof(kPath) - 1 && memcmp(path.data, kPath, path.size) == 0 ? 0 : -1;
}

/* Takes what came, and misbehaves by the number of the try, so that a test can ask for it. */
static int32_t call(aftersales_instance* instance, int32_t method, const aftersales_call* context,
                    aftersales_bytes request, const aftersales_sink* response,
                    const aftersales_sink* status) {
  (void)instance;
  (void)method;
  switch (context->attempt) {
    case 2: /* A code that is none, with a status that is no message. */
      write_bytes(status, "\xff\xff", 2);
      return 99;
    case 3: /* An answer that is none. */
      write_bytes(response, "\xff\xff", 2);
      return 0;
    case 4: /* More than the host takes. */
      return response->reserve(response->ctx, (size_t)1 << 40) == NULL ? 8 : 0;
    case 5: /* A second reserve takes the place of the first. */
      response->reserve(response->ctx, 100000);
      return write_bytes(response, "\x08\x05", 2);
    default: { /* accepted_count (1): bytes of the request, below 128. */
      char answer[2] = {'\x08', (char)request.size};
      return write_bytes(response, answer, 2);
    }
  }
}

static const void* get_extension(const char* id) {
  (void)id;
  return NULL;
}

const aftersales_plugin_api* aftersales_plugin_entry(const aftersales_host_api* host) {
  static const aftersales_plugin_api kApi = {
#if defined(VARIANT_INCOMPLETE)
    offsetof(aftersales_plugin_api, call),
#else
    sizeof(aftersales_plugin_api),
#endif
#if defined(VARIANT_ABI)
    AFTERSALES_ABI_MAJOR + 1,
#else
    AFTERSALES_ABI_MAJOR,
#endif
    "C by hand",
    &describe,
    &create,
    &destroy,
    &resolve_method,
    &call,
    &get_extension
  };
  host_api = host;
#if defined(VARIANT_REFUSES)
  const aftersales_log_1* log =
      (const aftersales_log_1*)host->get_extension(host->ctx, AFTERSALES_EXT_LOG_1);
  static const char kText[] = "needs secrets/9, which this host lacks";
  if (log != NULL && host->get_extension(host->ctx, "secrets/9") == NULL) {
    const aftersales_bytes text = {(const uint8_t*)kText, sizeof(kText) - 1};
    log->log(log->ctx, AFTERSALES_LOG_ERROR, text);
  }
  return NULL;
#endif
  return host_api->abi_major == AFTERSALES_ABI_MAJOR ? &kApi : NULL;
}
