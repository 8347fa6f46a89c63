#include "plugins/carriers/rules/verdict.h"

#include <utility>

namespace aftersales::carriers {

void Accept(const Query& query, Verdict& verdict) {
  if (query.scan_count > 0) {
    verdict.validity = Validity::kValid;
    return;
  }
  verdict.validity = Validity::kUnscanned;
  if (verdict.note.empty()) {
    verdict.note = "The number is well formed, but the carrier has not scanned the parcel yet.";
  }
}

void Reject(std::string_view rule, std::string expected, std::string found, std::string message,
            Verdict& verdict) {
  verdict.validity = Validity::kInvalid;
  verdict.failed_rule = rule;
  verdict.expected = std::move(expected);
  verdict.found = std::move(found);
  verdict.message = std::move(message);
}

void RejectCheckDigit(std::string_view rule, std::string_view rule_description, int expected,
                      int found, Verdict& verdict) {
  std::string message = "The check digit is ";
  message += std::to_string(found);
  message += ", but by ";
  message += rule_description;
  message += " it must be ";
  message += std::to_string(expected);
  message += "; at least one character is mistyped.";
  Reject(rule, std::to_string(expected), std::to_string(found), std::move(message), verdict);
}

void RejectStatedCarrier(const Query& query, std::string_view owner, Verdict& verdict) {
  std::string message = "The number is one of ";
  message += owner;
  message += ", but the carrier is stated as ";
  message += Shortened(query.carrier);
  message += "; state the carrier that the number belongs to, or correct the number.";
  Reject(kRuleStatedCarrier, std::string(owner), Shortened(query.carrier), std::move(message),
         verdict);
}

bool CheckS10(const S10& number, Verdict& verdict) {
  if (!number.check_digit_holds()) {
    RejectCheckDigit(kRuleS10CheckDigit, "the UPU S10 rule", number.expected_check_digit(),
                     number.check_digit, verdict);
    return false;
  }
  if (number.issuer == nullptr) {
    Reject(kRuleS10Country, "a country whose post issues S10 numbers", std::string(number.country),
           "The number ends in " + std::string(number.country) +
               ", which is no country whose post issues numbers of this form.",
           verdict);
    return false;
  }
  if (number.service == nullptr) {
    Reject(kRuleS10Service, "a service indicator that is in use",
           std::string(number.service_letters),
           "The number begins with " + std::string(number.service_letters) +
               ", which the UPU has reserved and given to no service.",
           verdict);
    return false;
  }
  if (!number.service->tracked) {
    Reject(kRuleS10Untracked, "a service with tracking", std::string(number.service_letters),
           "Items whose number begins with " + std::string(number.service_letters) +
               " travel without tracking: the number is for customs only and is never scanned.",
           verdict);
    return false;
  }
  return true;
}

std::string Shortened(std::string_view stated_name) {
  constexpr std::size_t kMax = 40;
  if (stated_name.size() <= kMax) return std::string(stated_name);
  std::size_t end = kMax;
  while (end > 0 && (static_cast<unsigned char>(stated_name[end]) & 0xC0) == 0x80) --end;
  return std::string(stated_name.substr(0, end)) + "…";
}

}  // namespace aftersales::carriers
