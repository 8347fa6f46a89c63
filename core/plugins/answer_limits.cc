#include "core/plugins/answer_limits.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "core/status/text.h"

namespace aftersales::plugins {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Of which not even as many messages as there are bytes would fill the memory.
constexpr size_t kBytesOfNoConcern = 256 << 10;
constexpr int64_t kFieldsMax = 4'000'000;
constexpr int64_t kMessageCounts = 8;
constexpr int kDepthMax = 100;  // as protobuf itself has it

// False once there are too many, or what comes cannot be read.
bool Count(CodedInputStream* in, const Descriptor& type, int depth, int64_t* left) {
  while (const uint32_t tag = in->ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    const bool delimited =
        WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    const bool message =
        delimited && field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE;
    if ((*left -= message ? kMessageCounts : 1) < 0) return false;
    if (!delimited) {
      if (!WireFormatLite::SkipField(in, tag)) return false;
      continue;
    }
    int length = 0;
    if (!in->ReadVarintSizeAsInt(&length)) return false;
    if (message) {
      if (depth >= kDepthMax) return false;
      const auto limit = in->PushLimit(length);
      if (!Count(in, *field->message_type(), depth + 1, left)) return false;
      in->PopLimit(limit);
      continue;
    }
    // Numbers that are packed have no tags of their own.
    if (field != nullptr && field->is_packable() && (*left -= length) < 0) return false;
    if (!in->Skip(length)) return false;
  }
  return true;
}

}  // namespace

absl::Status CheckAnswerFields(std::string_view bytes, const std::string& type) {
  if (bytes.size() <= kBytesOfNoConcern) return absl::OkStatus();
  const Descriptor* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (descriptor == nullptr) return absl::OkStatus();
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  int64_t left = kFieldsMax;
  Count(&in, *descriptor, 0, &left);
  if (left >= 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(Cat("has more than ", kFieldsMax,
                                          " fields, of which a message counts for ", kMessageCounts,
                                          "; answer in smaller pages"));
}

}  // namespace aftersales::plugins
