// From the C ABI to the virtual methods of a plugin class. Not for plugin authors: nothing in here
// is promised. Included by aftersales/sdk/plugin.h.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message_lite.h>

#include <climits>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "aftersales/plugin.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"

namespace aftersales::sdk::internal {

inline std::string_view View(aftersales_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

// Writes a google.rpc.Status with code and message (`head` + `tail`) and returns the code. By hand,
// since a lite copy of the message would buy nothing, and without allocation, since this is also
// how out-of-memory is reported.
inline int32_t WriteStatus(const aftersales_sink* sink, Code code, std::string_view head,
                           std::string_view tail = {}) noexcept {
  using google::protobuf::io::CodedOutputStream;
  constexpr size_t kMessageMax = 64 << 10;
  head = head.substr(0, kMessageMax);
  tail = tail.substr(0, kMessageMax);
  const auto message_size = static_cast<uint32_t>(head.size() + tail.size());
  if (sink != nullptr && message_size > 0) {
    constexpr uint8_t kCodeTag = 1 << 3;           // field 1, varint
    constexpr uint8_t kMessageTag = (2 << 3) | 2;  // field 2, length-delimited
    const size_t size = 2 + 1 + CodedOutputStream::VarintSize32(message_size) + message_size;
    if (uint8_t* out = sink->reserve(sink->ctx, size)) {
      *out++ = kCodeTag;
      *out++ = static_cast<uint8_t>(code);
      *out++ = kMessageTag;
      out = CodedOutputStream::WriteVarint32ToArray(message_size, out);
      std::memcpy(out, head.data(), head.size());
      if (!tail.empty()) std::memcpy(out + head.size(), tail.data(), tail.size());
    }
  }
  return static_cast<int32_t>(code);
}

inline int32_t WriteStatus(const aftersales_sink* sink, const Status& status) noexcept {
  return status.ok() ? 0 : WriteStatus(sink, status.code(), status.message());
}

// Runs `body`, which returns a Status, and lets no exception out.
template <typename Body>
int32_t Guarded(const aftersales_sink* status_sink, Body&& body) noexcept {
  try {
    return WriteStatus(status_sink, body());
  } catch (const std::exception& e) {
    return WriteStatus(status_sink, Code::kInternal, "exception in the plugin: ", e.what());
  } catch (...) {
    return WriteStatus(status_sink, Code::kInternal, "exception in the plugin, of unknown type");
  }
}

inline bool Parse(aftersales_bytes bytes, google::protobuf::MessageLite* message) {
  return bytes.size <= INT_MAX && message->ParseFromArray(bytes.data, static_cast<int>(bytes.size));
}

inline Status Write(const google::protobuf::MessageLite& message, const aftersales_sink* sink) {
  const size_t size = message.ByteSizeLong();
  if (size == 0) return Status::Ok();
  uint8_t* out = size <= INT_MAX ? sink->reserve(sink->ctx, size) : nullptr;
  if (out == nullptr) {
    return Status(Code::kResourceExhausted,
                  "the host takes no answer of " + std::to_string(size) + " bytes");
  }
  message.SerializeWithCachedSizesToArray(out);
  return Status::Ok();
}

// Calls one method with bytes. Both messages live on an arena whose first block is on the stack:
// a usual call allocates nothing for them.
using Invoke = Status (*)(Plugin&, const Call&, aftersales_bytes, const aftersales_sink*);

template <auto kMethod>
struct Typed;
template <typename Base, typename Request, typename Response,
          Status (Base::*kMethod)(const Call&, const Request&, Response*)>
struct Typed<kMethod> {
  static_assert(kIsLite<Request> && kIsLite<Response>);
  static Status Invoke(Plugin& plugin, const Call& call, aftersales_bytes bytes,
                       const aftersales_sink* sink) {
    using google::protobuf::Arena;
    alignas(std::max_align_t) char block[8 << 10];
    google::protobuf::ArenaOptions options;
    options.initial_block = block;
    options.initial_block_size = sizeof(block);
    options.start_block_size = 16 << 10;
    options.max_block_size = 256 << 10;
    Arena arena(options);
    auto* request = Arena::CreateMessage<Request>(&arena);
    auto* response = Arena::CreateMessage<Response>(&arena);
    if (!Parse(bytes, request)) {
      return Status(Code::kInvalidArgument, "the request is not a valid " + request->GetTypeName());
    }
    if (Status status = (static_cast<Base&>(plugin).*kMethod)(call, *request, response);
        !status.ok()) {
      return status;
    }
    return Write(*response, sink);
  }
};

inline Status InvokeCheckHealth(Plugin& plugin, const Call&, aftersales_bytes,
                                const aftersales_sink* sink) {
  plugin::v1::CheckHealthResponse response;
  if (Status status = plugin.CheckHealth(&response); !status.ok()) return status;
  return Write(response, sink);
}

inline Status InvokeValidateConfig(Plugin& plugin, const Call&, aftersales_bytes bytes,
                                   const aftersales_sink* sink) {
  plugin::v1::ValidateConfigRequest request;
  plugin::v1::ValidateConfigResponse response;
  if (!Parse(bytes, &request)) {
    return Status(Code::kInvalidArgument, "the request is not a valid ValidateConfigRequest");
  }
  if (Status status = plugin.ValidateConfig(request, &response); !status.ok()) return status;
  return Write(response, sink);
}

inline Status InvokeShutdown(Plugin& plugin, const Call&, aftersales_bytes,
                             const aftersales_sink*) {
  return plugin.Shutdown();
}

struct Method {
  std::string_view path;
  Invoke invoke;
};

// The methods of PluginLifecycle that are no functions of the C ABI.
inline constexpr Method kLifecycle[] = {
    {"/aftersales.plugin.v1.PluginLifecycle/CheckHealth", &InvokeCheckHealth},
    {"/aftersales.plugin.v1.PluginLifecycle/ValidateConfig", &InvokeValidateConfig},
    {"/aftersales.plugin.v1.PluginLifecycle/Shutdown", &InvokeShutdown},
};
inline constexpr int32_t kLifecycleCount = std::size(kLifecycle);
inline constexpr int32_t kValidateConfig = 1;

// What an unimplemented default method answers.
inline Status Unimplemented(const char* method) {
  return Status(Code::kUnimplemented, std::string("the plugin does not implement ") + method);
}

// The functions of aftersales_plugin_api for plugin class T. The first methods are those of
// kLifecycle, those of the kind follow in the order of T::kMethods.
template <typename T>
class Entry {
 public:
  static const aftersales_plugin_api* Get(const aftersales_host_api* host) noexcept {
    if (host == nullptr || host->abi_major != AFTERSALES_ABI_MAJOR) return nullptr;
    host_ = host;
    static constexpr aftersales_plugin_api kApi = {sizeof(aftersales_plugin_api),
                                                   AFTERSALES_ABI_MAJOR,
                                                   "Aftersales C++ SDK 0.1.0",
                                                   &Describe,
                                                   &Create,
                                                   &Destroy,
                                                   &ResolveMethod,
                                                   &CallMethod,
                                                   &GetExtension};
    return &kApi;
  }

 private:
  static int32_t Describe(const aftersales_sink* response, const aftersales_sink* status) noexcept {
    return Guarded(status, [&]() -> Status {
      T plugin;
      plugin.set_host(Host(host_));
      plugin::v1::DescribeResponse description = plugin.Describe();
      if (description.kind() == v1::Plugin::KIND_UNSPECIFIED) description.set_kind(T::kKind);
      return Write(description, response);
    });
  }

  static int32_t Create(aftersales_bytes bytes, aftersales_instance** instance,
                        const aftersales_sink* status) noexcept {
    return Guarded(status, [&]() -> Status {
      plugin::v1::ConfigureRequest request;
      if (!Parse(bytes, &request)) {
        return Status(Code::kInvalidArgument, "the request is not a valid ConfigureRequest");
      }
      auto plugin = std::make_unique<T>();
      plugin->set_host(Host(host_));
      if (Status configured = plugin->Configure(request); !configured.ok()) return configured;
      *instance = reinterpret_cast<aftersales_instance*>(static_cast<Plugin*>(plugin.release()));
      return Status::Ok();
    });
  }

  static void Destroy(aftersales_instance* instance) noexcept {
    delete reinterpret_cast<Plugin*>(instance);
  }

  static int32_t ResolveMethod(aftersales_bytes path) noexcept {
    int32_t index = 0;
    for (const Method& method : kLifecycle) {
      if (View(path) == method.path) return index;
      ++index;
    }
    for (const Method& method : T::kMethods) {
      if (View(path) == method.path) return index;
      ++index;
    }
    return -1;
  }

  static int32_t CallMethod(aftersales_instance* instance, int32_t method,
                            const aftersales_call* raw, aftersales_bytes request,
                            const aftersales_sink* response,
                            const aftersales_sink* status) noexcept {
    return Guarded(status, [&]() -> Status {
      constexpr auto kCount = kLifecycleCount + static_cast<int32_t>(std::size(T::kMethods));
      if (method < 0 || method >= kCount) {
        return Status(Code::kUnimplemented, "no such method number");
      }
      if (method == kValidateConfig) {
        // For settings that no instance has yet.
        T judge;
        judge.set_host(Host(host_));
        return kLifecycle[method].invoke(judge, Call(), request, response);
      }
      if (instance == nullptr) return Status(Code::kFailedPrecondition, "is not configured yet");
      Call call;
      auto& plugin = *reinterpret_cast<Plugin*>(instance);
      call.host = plugin.host();
      if (raw != nullptr) {
        // All fields are of the first release, so a header of this major has them.
        call.raw = raw;
        call.idempotency_key = View(raw->idempotency_key);
        call.seller = View(raw->seller);
        call.attempt = raw->attempt;
        if (raw->timeout_ns != AFTERSALES_NO_TIMEOUT) {
          const auto now = std::chrono::steady_clock::now();
          const auto room = std::chrono::steady_clock::time_point::max() - now;
          const std::chrono::nanoseconds left(raw->timeout_ns);
          if (left < room) call.deadline = now + left;
        }
      }
      const Invoke invoke = method < kLifecycleCount ? kLifecycle[method].invoke
                                                     : T::kMethods[method - kLifecycleCount].invoke;
      return invoke(plugin, call, request, response);
    });
  }

  static const void* GetExtension(const char*) noexcept { return nullptr; }

  static inline const aftersales_host_api* host_ = nullptr;
};

}  // namespace aftersales::sdk::internal
