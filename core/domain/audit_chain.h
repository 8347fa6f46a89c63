// The chain of the audit: each entry carries the hash of the one before, so that an entry that was
// changed, taken out or put in between afterwards shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aftersales {

// Bytes of a hash (SHA-256).
inline constexpr size_t kChainHashBytes = 32;

// What the first entry takes for the hash of the one before: zeros.
std::string ChainStart();
// Hash of an entry: SHA-256 over the hash before it and its stored bytes.
std::string ChainHash(std::string_view previous, std::string_view entry);

// Checks a chain entry by entry, from the first on.
class ChainCheck {
 public:
  // `known`: a hash that must be met on the way; empty for none.
  explicit ChainCheck(std::string known = "") : known_(std::move(known)), last_(ChainStart()) {}
  // The next entry. False once one does not fit; nothing after it is looked at.
  bool Take(int64_t sequence, std::string_view entry, std::string_view hash);

  int64_t checked() const { return checked_; }
  // The first entry that does not fit, 0 for none.
  int64_t broken_at() const { return broken_at_; }
  bool met_known() const { return known_.empty() || met_known_; }
  const std::string& last() const { return last_; }

 private:
  std::string known_;
  std::string last_;
  int64_t checked_ = 0;
  int64_t broken_at_ = 0;
  bool met_known_ = false;
};

}  // namespace aftersales
