#include "core/api/filter.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "core/domain/resource_names.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

// Splits a filter into words, `=` and quoted texts.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool Done() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
    return at_ == text_.size();
  }
  // Empty when a quote is not closed.
  std::optional<std::string> Next() {
    if (Done()) return std::nullopt;
    if (text_[at_] == '=') return std::string(1, text_[at_++]);
    if (text_[at_] == '"') {
      std::string value;
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"') {
          ++at_;
          return value;
        }
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        value += text_[at_];
      }
      return std::nullopt;
    }
    const size_t start = at_;
    while (at_ < text_.size() && !absl::ascii_isspace(text_[at_]) && text_[at_] != '=') ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<Filter> Filter::Parse(std::string_view text,
                                     const std::vector<std::string_view>& fields) {
  std::string known;
  for (const std::string_view field : fields) known += Cat(known.empty() ? "" : ", ", field);
  const auto bad = [&](std::string_view what) {
    return InvalidField("filter", "BAD_FILTER",
                        Cat(what, "; write `field = value`, joined by AND; fields: ", known));
  };
  if (text.size() > 2000) return bad("the filter is longer than 2000 bytes");
  Filter filter;
  Scanner scanner(text);
  while (!scanner.Done()) {
    if (!filter.values_.empty()) {
      if (scanner.Next() != "AND") return bad("conditions are joined by AND");
    }
    const auto field = scanner.Next();
    if (!field || std::find(fields.begin(), fields.end(), *field) == fields.end()) {
      return bad(Cat("there is no field `", field.value_or(""), "`"));
    }
    if (scanner.Next() != "=") return bad(Cat("`", *field, "` is compared with `=` only"));
    const auto value = scanner.Next();
    if (!value || *value == "=") return bad(Cat("`", *field, "` has no value"));
    if (!filter.values_.emplace(*field, *value).second) {
      return bad(Cat("`", *field, "` is named twice"));
    }
  }
  return filter;
}

std::string Filter::Text(std::string_view field) const {
  const auto found = values_.find(field);
  return found == values_.end() ? "" : found->second;
}

absl::StatusOr<std::optional<bool>> Filter::Bool(std::string_view field) const {
  if (!Has(field)) return std::nullopt;
  const std::string text = Text(field);
  if (text == "true") return true;
  if (text == "false") return false;
  return InvalidField("filter", "BAD_FILTER", Cat("`", field, "` is true or false"));
}

absl::StatusOr<std::optional<int>> Filter::Enum(std::string_view field,
                                                const google::protobuf::EnumDescriptor* type,
                                                std::string_view prefix) const {
  if (!Has(field)) return std::nullopt;
  const std::string text = Text(field);
  const auto* value = type->FindValueByName(text);
  if (value == nullptr) value = type->FindValueByName(Cat(prefix, text));
  if (value != nullptr) return value->number();
  std::string names;
  for (int i = 1; i < type->value_count(); ++i) {
    names += Cat(i > 1 ? ", " : "", type->value(i)->name().substr(prefix.size()));
  }
  return InvalidField("filter", "BAD_FILTER", Cat("`", field, "` is one of ", names));
}

absl::StatusOr<std::string> Filter::Id(std::string_view field, std::string_view seller,
                                       std::string_view collection) const {
  const std::string text = Text(field);
  if (text.find('/') == std::string::npos) return text;
  auto name = names::Parse(text, collection, "filter");
  if (!name.ok()) return name.status();
  // An id that no resource has.
  return name->seller == seller ? std::string(name->id) : std::string("/");
}

}  // namespace aftersales::api
