// From C++ to the functions of the host. Not for plugin authors: nothing in here is promised.
// Included by aftersales/sdk/host.h.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "aftersales/plugin.h"
#include "aftersales/sdk/status.h"

namespace aftersales::sdk::internal {

inline aftersales_bytes ToBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A sink that writes into `out`. No exception may get into the host, so one of memory ends here.
inline aftersales_sink SinkInto(std::string* out) {
  return {sizeof(aftersales_sink), AFTERSALES_ABI_MAJOR, out,
          [](void* ctx, size_t size) -> uint8_t* {
            auto& text = *static_cast<std::string*>(ctx);
            try {
              text.resize(size);
            } catch (const std::exception&) {
              return nullptr;
            }
            return reinterpret_cast<uint8_t*>(text.data());
          }};
}

// The message (field 2) of a serialized google.rpc.Status, of which there is no lite copy here.
inline std::string MessageOf(const std::string& bytes) {
  using google::protobuf::internal::WireFormatLite;
  if (bytes.size() > INT_MAX) return {};
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  std::string message;
  while (const uint32_t tag = in.ReadTag()) {
    constexpr uint32_t kMessageTag = (2 << 3) | 2;
    if (tag != kMessageTag) {
      if (!WireFormatLite::SkipField(&in, tag)) break;
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size) || size > INT_MAX ||
        !in.ReadString(&message, static_cast<int>(size))) {
      return {};
    }
  }
  return message;
}

inline Status NoExtension(const char* id) {
  return Status(Code::kUnimplemented, std::string("this host has no ") + id);
}

// Calls `function(response_sink, status_sink)`, which returns a canonical code.
template <typename Function>
Status CallHost(std::string* response, Function&& function) {
  std::string unused;
  std::string details;
  const aftersales_sink response_sink = SinkInto(response == nullptr ? &unused : response);
  const aftersales_sink status_sink = SinkInto(&details);
  const int32_t code = std::forward<Function>(function)(&response_sink, &status_sink);
  if (code == 0) return Status::Ok();
  const bool known = code > 0 && code <= static_cast<int32_t>(Code::kUnauthenticated);
  return Status(known ? static_cast<Code>(code) : Code::kUnknown, MessageOf(details));
}

}  // namespace aftersales::sdk::internal
