/* The C ABI between the Aftersales host and a plugin.
 *
 * A plugin is a shared object that exports ONE function, `aftersales_plugin_entry`. Everything else
 * goes through the structs below, and only plain C types and serialized protobuf bytes cross: no
 * exception, no allocation that the other side frees, no C++ type. So a plugin may be built with
 * another compiler, standard library or protobuf than the host, and keeps working when the host is
 * updated. Authors who write C++ never touch this header: see aftersales/sdk/carrier.h and its
 * siblings. The messages are those of protos/aftersales/plugin/v1.
 *
 * VERSIONS. The ABI has a major number; host and plugin of different majors do not talk. Within a
 * major a struct only grows at its end: every struct starts with its size as the writer knew it,
 * and a reader uses no field that lies beyond it (AFTERSALES_HAS). Nothing that was released is
 * ever moved, removed or given another meaning.
 *
 * MEMORY. What is passed into a function is borrowed until that function returns, unless a comment
 * says otherwise. Output is written into memory of the receiver, obtained through a sink. Text is
 * UTF-8 with a length and need not end in a NUL, but extension ids do.
 *
 * THREADS. Three words, used in the comment of every function:
 *   [load]    Called by one thread at a time, never while any other function of this plugin runs
 *             other than [any] ones of the host.
 *   [serial]  Called by any thread, but never twice at once on the same instance.
 *   [any]     Called by any thread, at the same time as anything but [load].
 *
 * ERRORS. Functions that can fail return a canonical gRPC code, 0 for OK. Details, if any, go to a
 * status sink as a serialized google.rpc.Status: field 1 the code, field 2 a sentence for people
 * without secrets or buyer data, field 3 typed details. The returned code wins over that in the
 * bytes. No exception may leave a function, on either side.
 */
#ifndef AFTERSALES_PLUGIN_H_
#define AFTERSALES_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI that this header describes. */
#define AFTERSALES_ABI_MAJOR 1u

/* Name of the one exported function. */
#define AFTERSALES_ENTRY_SYMBOL "aftersales_plugin_entry"

/* Whether the struct that `ptr` points at reaches to the end of `field`. */
#define AFTERSALES_HAS(ptr, type, field) \
  ((ptr)->struct_size >= offsetof(type, field) + sizeof(((type*)0)->field))

/* First bytes of every struct. */
#define AFTERSALES_STRUCT_HEADER                                   \
  uint32_t struct_size; /* sizeof of the struct, of its writer. */ \
  uint32_t abi_major    /* AFTERSALES_ABI_MAJOR of its writer. */

/* Borrowed bytes or UTF-8 text. `data` may be NULL when `size` is 0. Frozen: never grows. */
typedef struct aftersales_bytes {
  const uint8_t* data;
  size_t size;
} aftersales_bytes;

/* Where output goes. Owned by the caller, valid until the function that it was passed to returns.
 */
typedef struct aftersales_sink {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  /* Gives room for exactly `size` bytes, which the callee must fill before it returns; the memory
   * stays the caller's. NULL when that is more than the caller takes (at least 64 MiB are taken);
   * the callee then returns RESOURCE_EXHAUSTED (8). Calling it again throws away what was written.
   * Not calling it means no bytes. */
  uint8_t* (*reserve)(void* ctx, size_t size);
} aftersales_sink;

/* One piece of metadata of a call, such as `traceparent`. Frozen: never grows. */
typedef struct aftersales_metadata {
  aftersales_bytes key; /* Lower-case ASCII. */
  aftersales_bytes value;
} aftersales_metadata;

/* Time that is never up. */
#define AFTERSALES_NO_TIMEOUT INT64_MAX

/* What goes with a call besides the request. */
typedef struct aftersales_call {
  AFTERSALES_STRUCT_HEADER;
  /* Id of the effect: the same one means the same effect, which must happen once. Empty for calls
   * that change nothing. */
  aftersales_bytes idempotency_key;
  /* The tenant, such as `sellers/acme`. Empty when the call is for no seller. */
  aftersales_bytes seller;
  /* Further metadata, `metadata_size` entries. Unknown keys are to be ignored. */
  const aftersales_metadata* metadata;
  size_t metadata_size;
  /* Nanoseconds that are left at the start of the call, or AFTERSALES_NO_TIMEOUT. Relative, so that
   * the two sides need not share a clock. */
  int64_t timeout_ns;
  /* 1 for the first try of this effect, 2 for the second ... */
  int32_t attempt;
  int32_t reserved_0; /* 0. */
  void* ctx;
  /* [any] Not 0 once the caller no longer waits. Cheap enough for an inner loop. */
  int32_t (*is_cancelled)(void* ctx);
} aftersales_call;

/* What the host offers. Valid from the call of the entry until the process ends. */
typedef struct aftersales_host_api {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  aftersales_bytes name;    /* `aftersales`; for messages. */
  aftersales_bytes version; /* Semantic version of the host; for messages. */
  /* [any] The extension of that id, NUL-terminated, or NULL if the host has none. What is returned
   * points at a struct of this header and is valid until the process ends. */
  const void* (*get_extension)(void* ctx, const char* id);
} aftersales_host_api;

/* What a plugin offers. Static in the plugin, valid until the process ends.
 * An instance is made by `create` and known to the plugin alone. */
typedef struct aftersales_instance aftersales_instance;
typedef struct aftersales_plugin_api {
  AFTERSALES_STRUCT_HEADER;
  /* Version of the SDK or library that made this, for messages. NUL-terminated, never NULL. */
  const char* made_with;
  /* [load] Writes a serialized plugin.v1.DescribeResponse. Fast, no I/O, needs no instance. */
  int32_t (*describe)(const aftersales_sink* response, const aftersales_sink* status);
  /* [load] Makes an instance and sets it up with a serialized plugin.v1.ConfigureRequest.
   * `*instance` is set if and only if OK is returned. INVALID_ARGUMENT (3) names the key. */
  int32_t (*create)(aftersales_bytes configure_request, aftersales_instance** instance,
                    const aftersales_sink* status);
  /* [load] Ends an instance on which no call is running. Takes NULL. */
  void (*destroy)(aftersales_instance* instance);
  /* [any] Number of a method, such as `/aftersales.plugin.v1.CarrierPlugin/IssueLabel`, not
   * negative and good for the life of the process; -1 for one that the plugin does not have. Of
   * PluginLifecycle a plugin may have CheckHealth, ValidateConfig and Shutdown as methods. */
  int32_t (*resolve_method)(aftersales_bytes path);
  /* [any] Calls a method, given by number; the host keeps to the max_concurrency that `describe`
   * told, so with 1 it is [serial]. The response is written only if OK is returned. A number that
   * was never given out answers UNIMPLEMENTED (12). ValidateConfig comes with `instance` NULL,
   * since it is for settings that no instance has yet; Shutdown once, as the last call before
   * `destroy`, with no other running. */
  int32_t (*call)(aftersales_instance* instance, int32_t method, const aftersales_call* call,
                  aftersales_bytes request, const aftersales_sink* response,
                  const aftersales_sink* status);
  /* [any] The extension of that id that the plugin has, or NULL. `async/1` and `stream/1` are kept
   * for calls that answer later and in pieces. */
  const void* (*get_extension)(const char* id);
} aftersales_plugin_api;

/* [load] The entry. Called once after loading, before anything else; may be called again and must
 * then give the same answer. NULL when the plugin cannot work with this host; it says why through
 * log/1. A plugin checks `host->abi_major` here, the host that of what it gets. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const aftersales_plugin_api*
aftersales_plugin_entry(const aftersales_host_api* host);
typedef const aftersales_plugin_api* (*aftersales_plugin_entry_fn)(const aftersales_host_api* host);

/* ---- Extensions of the host ----------------------------------------------------------------
 * An id is NAME/REVISION. A revision is frozen like any struct here; a change that old readers
 * could not take gets the next revision, and the host offers both. What http/1, secrets/1 and kv/1
 * do, and the messages that they take, is told in protos/aftersales/plugin/v1/
 * plugin_host_service.proto; a plugin in a process of its own gets the same there. They answer
 * FAILED_PRECONDITION (9) before `create` is called: until then the host does not know the plugin.
 */

/* Levels of log/1. */
enum {
  AFTERSALES_LOG_DEBUG = 0,
  AFTERSALES_LOG_INFO = 1,
  AFTERSALES_LOG_WARNING = 2,
  AFTERSALES_LOG_ERROR = 3
};

/* The host's log: the only way for a plugin to say something outside of a response. */
#define AFTERSALES_EXT_LOG_1 "log/1"
typedef struct aftersales_log_1 {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  /* [any] Logs a line under the name of the plugin. No secrets, no buyer data. Cut at 8 KiB. */
  void (*log)(void* ctx, int32_t level, aftersales_bytes text);
} aftersales_log_1;

/* The host's clock. A plugin that asks the system instead cannot be tested with moved time. */
#define AFTERSALES_EXT_CLOCK_1 "clock/1"
typedef struct aftersales_clock_1 {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  /* [any] Nanoseconds since 1970-01-01T00:00:00Z. */
  int64_t (*now_unix_ns)(void* ctx);
} aftersales_clock_1;

/* Requests made by the host: with its limits of rate and size, a circuit breaker for each server,
 * and without secrets in any log. */
#define AFTERSALES_EXT_HTTP_1 "http/1"
typedef struct aftersales_http_1 {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  /* [any] Sends a serialized plugin.v1.SendHttpRequestRequest and waits for the answer, a
   * serialized plugin.v1.SendHttpRequestResponse, of any HTTP status. `call` is the call that this
   * is done for, which ends it when its caller no longer waits; NULL when it is for none.
   * UNAVAILABLE (14): it was not sent. DEADLINE_EXCEEDED (4), UNKNOWN (2): it may have been.
   * RESOURCE_EXHAUSTED (8): not sent, because of a limit or of an open circuit. INVALID_ARGUMENT
   * (3) names the field. */
  int32_t (*send)(void* ctx, const aftersales_call* call, aftersales_bytes request,
                  const aftersales_sink* response, const aftersales_sink* status);
} aftersales_http_1;

/* The current values of settings that are marked secret. */
#define AFTERSALES_EXT_SECRETS_1 "secrets/1"
typedef struct aftersales_secrets_1 {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  /* [any] Writes the value of the setting `key`, which may be a newer one than `create` got. Ask at
   * each use rather than keep it. NOT_FOUND (5) when there is none or it is not marked secret. */
  int32_t (*get)(void* ctx, aftersales_bytes key, const aftersales_sink* value,
                 const aftersales_sink* status);
} aftersales_secrets_1;

/* A small durable store of the plugin's own, for tokens and cursors. Keys are 1 to 256 bytes of
 * UTF-8, values at most 64 KiB, all together 64 MiB. */
#define AFTERSALES_EXT_KV_1 "kv/1"
typedef struct aftersales_kv_1 {
  AFTERSALES_STRUCT_HEADER;
  void* ctx;
  /* [any] Writes the value of `key`. NOT_FOUND (5). */
  int32_t (*get)(void* ctx, aftersales_bytes key, const aftersales_sink* value,
                 const aftersales_sink* status);
  /* [any] Stores a value, in place of an earlier one; durable once it has answered OK.
   * RESOURCE_EXHAUSTED (8) beyond 64 MiB in all. */
  int32_t (*put)(void* ctx, aftersales_bytes key, aftersales_bytes value,
                 const aftersales_sink* status);
  /* [any] Forgets a key. OK also when there is none. */
  int32_t (*erase)(void* ctx, aftersales_bytes key, const aftersales_sink* status);
} aftersales_kv_1;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* AFTERSALES_PLUGIN_H_ */
