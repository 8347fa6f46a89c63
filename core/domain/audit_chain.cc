#include "core/domain/audit_chain.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>
#include <stdexcept>

namespace aftersales {

std::string ChainStart() { return std::string(kChainHashBytes, '\0'); }

std::string ChainHash(std::string_view previous, std::string_view entry) {
  static_assert(kChainHashBytes == SHA256_DIGEST_LENGTH);
  // Found once: looking the algorithm up takes OpenSSL longer than a short text.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string hash(kChainHashBytes, '\0');
  if (EVP_DigestInit_ex2(context.get(), sha256, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), previous.data(), previous.size()) != 1 ||
      EVP_DigestUpdate(context.get(), entry.data(), entry.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(hash.data()), nullptr) !=
          1) {
    throw std::runtime_error("OpenSSL has no SHA-256");
  }
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
