#include "core/api/paging.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {
constexpr size_t kSignatureBytes = 12;
constexpr char kSeparator = '\x1f';
}  // namespace

absl::StatusOr<int> PageSize(int wanted) {
  if (wanted < 0) {
    return InvalidField("page_size", "BAD_PAGE_SIZE", "0 for the default of 50, or 1 to 1000");
  }
  return wanted == 0 ? 50 : std::min(wanted, 1000);
}

PageTokens::PageTokens(std::string_view secret, std::string_view scope)
    : secret_(secret), scope_(scope) {}

std::string PageTokens::Signature(std::string_view payload) const {
  const std::string text = Cat(scope_, std::string_view("\0", 1), payload);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return std::string(reinterpret_cast<char*>(out), kSignatureBytes);
}

std::string PageTokens::Make(const std::vector<std::string>& position) const {
  const std::string payload = absl::StrJoin(position, std::string(1, kSeparator));
  return absl::WebSafeBase64Escape(Cat(Signature(payload), payload));
}

absl::StatusOr<std::vector<std::string>> PageTokens::Read(std::string_view token) const {
  if (token.empty()) return std::vector<std::string>{};
  std::string bytes;
  const bool decoded = token.size() <= 4096 && absl::WebSafeBase64Unescape(View(token), &bytes);
  if (decoded && bytes.size() >= kSignatureBytes) {
    const std::string payload = bytes.substr(kSignatureBytes);
    if (CRYPTO_memcmp(Signature(payload).data(), bytes.data(), kSignatureBytes) == 0) {
      return static_cast<std::vector<std::string>>(absl::StrSplit(payload, kSeparator));
    }
  }
  return InvalidField("page_token", "BAD_PAGE_TOKEN",
                      "send the next_page_token of the page before, with every other field as it "
                      "was, or none to begin anew");
}

}  // namespace aftersales::api
