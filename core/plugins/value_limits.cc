// What a key and a value of kv/1 may be. Apart from the store, for children ask before they send,
// and are to be small programs, without SQLite.
#include <google/protobuf/stubs/common.h>

#include "absl/strings/str_cat.h"
#include "core/plugins/value_store.h"

namespace aftersales::plugins {

absl::Status ValueStore::CheckKey(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("`key` has ", key.size(), " bytes; it must have 1 to ", kKeyBytesMax));
  }
  if (!google::protobuf::internal::IsStructurallyValidUTF8(key.data(),
                                                           static_cast<int>(key.size()))) {
    return absl::InvalidArgumentError("`key` is not UTF-8; encode it, for example in hexadecimal");
  }
  return absl::OkStatus();
}

absl::Status ValueStore::CheckValue(std::string_view value) {
  if (value.size() <= kValueBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("`value` has ", value.size(), " bytes; at most ",
                                                 kValueBytesMax,
                                                 " are taken: keep larger things in a file"));
}

}  // namespace aftersales::plugins
