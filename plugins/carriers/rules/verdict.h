// What the rules of a carrier say about a number. The same in all carriers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/carriers/rules/number.h"
#include "plugins/carriers/rules/s10.h"
#include "plugins/carriers/rules/stated_carrier.h"

namespace aftersales::carriers {

// One question, as a seller asks it.
struct Query {
  // As stated; any bytes.
  std::string_view number;
  // Carrier as stated; any bytes. Empty: any.
  std::string_view carrier;
  // `carrier`, resolved.
  StatedCarrier stated;
  // Carrier scans known for it.
  int scan_count = 0;
};

enum class Validity : std::uint8_t {
  kValid,      // Right form and carrier, scanned.
  kUnscanned,  // Right form and carrier, not scanned yet.
  kInvalid,    // Wrong form, check digit or carrier.
  kUnknown,    // Not a number of this carrier, and it was not stated to be one.
};

// Names of services, best first.
class Candidates {
 public:
  static constexpr std::size_t kMax = 6;
  // Adds a name unless it is there. More than kMax are dropped.
  void Add(std::string_view name) {
    for (std::size_t i = 0; i < size_; ++i) {
      if (names_[i] == name) return;
    }
    if (size_ < kMax) names_[size_++] = name;
  }
  const std::string_view* begin() const { return names_.data(); }
  const std::string_view* end() const { return names_.data() + size_; }
  std::size_t size() const { return size_; }
  std::string_view operator[](std::size_t i) const { return names_[i]; }

 private:
  std::array<std::string_view, kMax> names_;
  std::size_t size_ = 0;
};

// The verdict. Where all rules hold, no text is made: a good number costs no allocation.
struct Verdict {
  explicit Verdict(std::string_view raw_number) : number(raw_number) {}

  Number number;
  Validity validity = Validity::kUnknown;
  // Service whose rules it matches. Empty when none.
  std::string_view carrier;
  // Rule that decided; empty when all held.
  std::string_view failed_rule;
  std::string expected;
  std::string found;
  // A sentence for people; `note` where it is empty.
  std::string message;
  std::string_view note;
  Candidates candidates;

  std::string_view text() const { return message.empty() ? note : std::string_view(message); }
};

// Rules that more than one carrier has.
inline constexpr std::string_view kRuleForm = "form";
inline constexpr std::string_view kRuleStatedCarrier = "stated-carrier";
inline constexpr std::string_view kRuleS10CheckDigit = "s10-check-digit";
inline constexpr std::string_view kRuleS10Country = "s10-country";
inline constexpr std::string_view kRuleS10Service = "s10-service";
inline constexpr std::string_view kRuleS10Untracked = "s10-untracked";

// Sets VALID or UNSCANNED by the scans.
void Accept(const Query& query, Verdict& verdict);
// Sets INVALID with its evidence.
void Reject(std::string_view rule, std::string expected, std::string found, std::string message,
            Verdict& verdict);
// INVALID by `rule`, a check digit that is described as, say, "the UPU S10 rule".
void RejectCheckDigit(std::string_view rule, std::string_view rule_description, int expected,
                      int found, Verdict& verdict);
// INVALID by kRuleStatedCarrier: the number is one of `owner`, but another carrier is stated.
void RejectStatedCarrier(const Query& query, std::string_view owner, Verdict& verdict);

// The rules that every S10 number must meet, whoever carries it: check digit, country, service.
// False, with the verdict set, where one fails.
bool CheckS10(const S10& number, Verdict& verdict);

// A stated name for messages: cut at 40 bytes, between characters.
std::string Shortened(std::string_view stated_name);

}  // namespace aftersales::carriers
