#include "core/domain/audit_chain.h"

#include <openssl/sha.h>

namespace aftersales {

std::string ChainStart() { return std::string(kChainHashBytes, '\0'); }

std::string ChainHash(std::string_view previous, std::string_view entry) {
  static_assert(kChainHashBytes == SHA256_DIGEST_LENGTH);
  std::string text;
  text.reserve(previous.size() + entry.size());
  text.append(previous).append(entry);
  std::string hash(kChainHashBytes, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

bool ChainCheck::Take(int64_t sequence, std::string_view entry, std::string_view hash) {
  if (broken_at_ != 0) return false;
  const std::string wanted = ChainHash(last_, entry);
  if (sequence != checked_ + 1 || wanted != hash) {
    broken_at_ = checked_ + 1;
    return false;
  }
  ++checked_;
  last_ = wanted;
  met_known_ = met_known_ || last_ == known_;
  return true;
}

}  // namespace aftersales
