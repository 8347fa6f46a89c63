#include "core/status/wellformed.h"

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace aftersales {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// What breaks a rule. The path grows from the field outwards.
struct Violation {
  std::string path;
  std::string_view reason;
  std::string fix;
};

// What there is to check in messages of one type.
struct Plan {
  struct Field {
    const FieldDescriptor* field;
    const Plan* message = nullptr;  // of a field that is a message
  };
  std::vector<Field> fields;
};

class Plans {
 public:
  static Plans& Get() {
    static Plans plans;
    return plans;
  }

  const Plan& Of(const Descriptor* type) {
    {
      std::shared_lock lock(mutex_);
      if (const auto found = plans_.find(type); found != plans_.end()) return *found->second;
    }
    std::unique_lock lock(mutex_);
    return MakeLocked(type);
  }

 private:
  const Plan& MakeLocked(const Descriptor* type) {
    std::unique_ptr<Plan>& plan = plans_[type];
    if (plan != nullptr) return *plan;  // also a type that contains itself
    plan = std::make_unique<Plan>();
    Plan& made = *plan;
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          made.fields.push_back({field, &MakeLocked(field->message_type())});
          break;
        case FieldDescriptor::CPPTYPE_STRING:
          if (field->type() == FieldDescriptor::TYPE_STRING) made.fields.push_back({field});
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          made.fields.push_back({field});
          break;
        default:
          break;
      }
    }
    return made;
  }

  std::shared_mutex mutex_;
  std::unordered_map<const Descriptor*, std::unique_ptr<Plan>> plans_;
};

bool CheckText(const std::string& text, Violation* out) {
  if (text.size() <= kTextBytesMax) return true;
  out->reason = "TOO_LONG";
  out->fix = Cat("has ", text.size(), " bytes; a text has at most ", kTextBytesMax);
  return false;
}

bool CheckEnum(int value, const FieldDescriptor* field, Violation* out) {
  const auto* type = field->enum_type();
  if (type->FindValueByNumber(value) != nullptr) return true;
  out->reason = "UNKNOWN_VALUE";
  out->fix = Cat(value, " is no value of ", type->full_name(), "; it has ");
  for (int i = 0; i < type->value_count(); ++i) {
    out->fix += Cat(i > 0 ? ", " : "", type->value(i)->name());
  }
  return false;
}

bool CheckTime(const google::protobuf::Timestamp& time, Violation* out) {
  if (time.seconds() >= kFirstSecond && time.seconds() < kEndSecond && time.nanos() >= 0 &&
      time.nanos() <= 999'999'999) {
    return true;
  }
  out->reason = "BAD_TIME";
  out->fix = Cat("seconds ", time.seconds(), ", nanos ", time.nanos(),
                 " is no time from 1995-01-01 to 2099-12-31; send the seconds since "
                 "1970-01-01T00:00:00Z, and nanos from 0 to 999999999");
  return false;
}

bool CheckDuration(const google::protobuf::Duration& duration, Violation* out) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  if (seconds >= -kDurationSecondsMax && seconds <= kDurationSecondsMax && nanos > -1'000'000'000 &&
      nanos < 1'000'000'000 && !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0)) {
    return true;
  }
  out->reason = "BAD_DURATION";
  out->fix = "a duration has nanos of the sign of its seconds, and at most 10,000 years";
  return false;
}

bool Check(const Message& message, const Plan& plan, Violation* out) {
  const Descriptor* type = message.GetDescriptor();
  // By type first: only generated messages are cast.
  if (type == google::protobuf::Timestamp::descriptor()) {
    return CheckTime(static_cast<const google::protobuf::Timestamp&>(message), out);
  }
  if (type == google::protobuf::Duration::descriptor()) {
    return CheckDuration(static_cast<const google::protobuf::Duration&>(message), out);
  }
  const Reflection* reflection = message.GetReflection();
  const auto prefix = [out](const FieldDescriptor* field, int index) {
    std::string path = field->name();
    if (index >= 0) path += Cat("[", index, "]");
    if (!out->path.empty()) path += Cat(".", out->path);
    out->path = std::move(path);
    return false;
  };
  std::string scratch;  // of strings that are not stored as one
  for (const auto& [field, inner] : plan.fields) {
    if (!field->is_repeated()) {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (reflection->HasField(message, field) &&
              !Check(reflection->GetMessage(message, field), *inner, out)) {
            return prefix(field, -1);
          }
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          if (!CheckEnum(reflection->GetEnumValue(message, field), field, out)) {
            return prefix(field, -1);
          }
          break;
        default:
          if (!CheckText(reflection->GetStringReference(message, field, &scratch), out)) {
            return prefix(field, -1);
          }
      }
      continue;
    }
    const int size = reflection->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      bool good = true;
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          good = Check(reflection->GetRepeatedMessage(message, field, i), *inner, out);
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          good = CheckEnum(reflection->GetRepeatedEnumValue(message, field, i), field, out);
          break;
        default:
          good =
              CheckText(reflection->GetRepeatedStringReference(message, field, i, &scratch), out);
      }
      if (!good) return prefix(field, i);
    }
  }
  return true;
}

}  // namespace

absl::Status CheckWellFormed(const Message& message) {
  Violation violation;
  if (Check(message, Plans::Get().Of(message.GetDescriptor()), &violation)) {
    return absl::OkStatus();
  }
  return InvalidField(violation.path, violation.reason, Cat(violation.path, ": ", violation.fix));
}

}  // namespace aftersales
