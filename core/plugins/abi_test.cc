// The C ABI as it was released, frozen. A plugin that was built against it years ago must still
// find every field where it was; these structs may grow at their end and change in no other way.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aftersales/plugin.h"
#include "gtest/gtest.h"

namespace {

// Copies of the structs of ABI 1 at its first release. Never edit them.
struct Bytes1 {
  const uint8_t* data;
  size_t size;
};
struct Sink1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  uint8_t* (*reserve)(void*, size_t);
};
struct Metadata1 {
  Bytes1 key, value;
};
struct Call1 {
  uint32_t struct_size, abi_major;
  Bytes1 idempotency_key, seller;
  const Metadata1* metadata;
  size_t metadata_size;
  int64_t timeout_ns;
  int32_t attempt, reserved_0;
  void* ctx;
  int32_t (*is_cancelled)(void*);
};
struct HostApi1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  Bytes1 name, version;
  const void* (*get_extension)(void*, const char*);
};
struct PluginApi1 {
  uint32_t struct_size, abi_major;
  const char* made_with;
  int32_t (*describe)(const Sink1*, const Sink1*);
  int32_t (*create)(Bytes1, void**, const Sink1*);
  void (*destroy)(void*);
  int32_t (*resolve_method)(Bytes1);
  int32_t (*call)(void*, int32_t, const Call1*, Bytes1, const Sink1*, const Sink1*);
  const void* (*get_extension)(const char*);
};
struct Log1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  void (*log)(void*, int32_t, Bytes1);
};
struct Clock1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  int64_t (*now_unix_ns)(void*);
};
struct Http1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  int32_t (*send)(void*, const Call1*, Bytes1, const Sink1*, const Sink1*);
};
struct Secrets1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  int32_t (*get)(void*, Bytes1, const Sink1*, const Sink1*);
};
struct Kv1 {
  uint32_t struct_size, abi_major;
  void* ctx;
  int32_t (*get)(void*, Bytes1, const Sink1*, const Sink1*);
  int32_t (*put)(void*, Bytes1, Bytes1, const Sink1*);
  int32_t (*erase)(void*, Bytes1, const Sink1*);
};

#define SAME_PLACE(now, then, field)                             \
  static_assert(offsetof(now, field) == offsetof(then, field) && \
                sizeof(now::field) == sizeof(then::field))

static_assert(AFTERSALES_ABI_MAJOR == 1);
static_assert(sizeof(aftersales_bytes) == sizeof(Bytes1), "frozen: never grows");
SAME_PLACE(aftersales_bytes, Bytes1, data);
SAME_PLACE(aftersales_bytes, Bytes1, size);
static_assert(sizeof(aftersales_metadata) == sizeof(Metadata1), "frozen: never grows");
SAME_PLACE(aftersales_metadata, Metadata1, key);
SAME_PLACE(aftersales_metadata, Metadata1, value);

static_assert(sizeof(aftersales_sink) >= sizeof(Sink1));
SAME_PLACE(aftersales_sink, Sink1, struct_size);
SAME_PLACE(aftersales_sink, Sink1, abi_major);
SAME_PLACE(aftersales_sink, Sink1, ctx);
SAME_PLACE(aftersales_sink, Sink1, reserve);

static_assert(sizeof(aftersales_call) >= sizeof(Call1));
SAME_PLACE(aftersales_call, Call1, struct_size);
SAME_PLACE(aftersales_call, Call1, abi_major);
SAME_PLACE(aftersales_call, Call1, idempotency_key);
SAME_PLACE(aftersales_call, Call1, seller);
SAME_PLACE(aftersales_call, Call1, metadata);
SAME_PLACE(aftersales_call, Call1, metadata_size);
SAME_PLACE(aftersales_call, Call1, timeout_ns);
SAME_PLACE(aftersales_call, Call1, attempt);
SAME_PLACE(aftersales_call, Call1, reserved_0);
SAME_PLACE(aftersales_call, Call1, ctx);
SAME_PLACE(aftersales_call, Call1, is_cancelled);

static_assert(sizeof(aftersales_host_api) >= sizeof(HostApi1));
SAME_PLACE(aftersales_host_api, HostApi1, struct_size);
SAME_PLACE(aftersales_host_api, HostApi1, abi_major);
SAME_PLACE(aftersales_host_api, HostApi1, ctx);
SAME_PLACE(aftersales_host_api, HostApi1, name);
SAME_PLACE(aftersales_host_api, HostApi1, version);
SAME_PLACE(aftersales_host_api, HostApi1, get_extension);

static_assert(sizeof(aftersales_plugin_api) >= sizeof(PluginApi1));
SAME_PLACE(aftersales_plugin_api, PluginApi1, struct_size);
SAME_PLACE(aftersales_plugin_api, PluginApi1, abi_major);
SAME_PLACE(aftersales_plugin_api, PluginApi1, made_with);
SAME_PLACE(aftersales_plugin_api, PluginApi1, describe);
SAME_PLACE(aftersales_plugin_api, PluginApi1, create);
SAME_PLACE(aftersales_plugin_api, PluginApi1, destroy);
SAME_PLACE(aftersales_plugin_api, PluginApi1, resolve_method);
SAME_PLACE(aftersales_plugin_api, PluginApi1, call);
SAME_PLACE(aftersales_plugin_api, PluginApi1, get_extension);

static_assert(sizeof(aftersales_log_1) == sizeof(Log1), "a revision of an extension is frozen");
SAME_PLACE(aftersales_log_1, Log1, ctx);
SAME_PLACE(aftersales_log_1, Log1, log);
static_assert(sizeof(aftersales_clock_1) == sizeof(Clock1), "a revision of an extension is frozen");
SAME_PLACE(aftersales_clock_1, Clock1, ctx);
SAME_PLACE(aftersales_clock_1, Clock1, now_unix_ns);
static_assert(sizeof(aftersales_http_1) == sizeof(Http1), "a revision of an extension is frozen");
SAME_PLACE(aftersales_http_1, Http1, struct_size);
SAME_PLACE(aftersales_http_1, Http1, abi_major);
SAME_PLACE(aftersales_http_1, Http1, ctx);
SAME_PLACE(aftersales_http_1, Http1, send);
static_assert(sizeof(aftersales_secrets_1) == sizeof(Secrets1),
              "a revision of an extension is frozen");
SAME_PLACE(aftersales_secrets_1, Secrets1, struct_size);
SAME_PLACE(aftersales_secrets_1, Secrets1, abi_major);
SAME_PLACE(aftersales_secrets_1, Secrets1, ctx);
SAME_PLACE(aftersales_secrets_1, Secrets1, get);
static_assert(sizeof(aftersales_kv_1) == sizeof(Kv1), "a revision of an extension is frozen");
SAME_PLACE(aftersales_kv_1, Kv1, struct_size);
SAME_PLACE(aftersales_kv_1, Kv1, abi_major);
SAME_PLACE(aftersales_kv_1, Kv1, ctx);
SAME_PLACE(aftersales_kv_1, Kv1, get);
SAME_PLACE(aftersales_kv_1, Kv1, put);
SAME_PLACE(aftersales_kv_1, Kv1, erase);

// A plugin finds them by these, so they are as frozen as the structs.
static_assert(std::string_view(AFTERSALES_EXT_HTTP_1) == "http/1");
static_assert(std::string_view(AFTERSALES_EXT_SECRETS_1) == "secrets/1");
static_assert(std::string_view(AFTERSALES_EXT_KV_1) == "kv/1");

#undef SAME_PLACE

// What a reader of a grown struct has to know about one that an older writer made.
TEST(AbiTest, HasTellsWhichFieldsTheWriterKnew) {
  aftersales_call call{};
  call.struct_size = offsetof(aftersales_call, is_cancelled);
  EXPECT_FALSE(AFTERSALES_HAS(&call, aftersales_call, is_cancelled));
  EXPECT_TRUE(AFTERSALES_HAS(&call, aftersales_call, ctx));
  call.struct_size = sizeof(Call1);
  EXPECT_TRUE(AFTERSALES_HAS(&call, aftersales_call, is_cancelled));
}

}  // namespace
