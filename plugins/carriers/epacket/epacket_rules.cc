#include "plugins/carriers/epacket/epacket_rules.h"

#include <string>

namespace aftersales::carriers {
namespace {

// How a stated carrier stands to a number.
enum class Match { kYes, kHandover, kNo };

// One row of the table: numbers of a service may be stated under these names.
Match MatchStated(const StatedCarrier& stated, const S10& number) {
  switch (stated.brand) {
    case Brand::kNone:
    case Brand::kAnyPost:
      return Match::kYes;
    case Brand::kEms:
      return number.service_letters[0] == 'E' &&
                     (stated.country == 0 || stated.country == number.country_pair())
                 ? Match::kYes
                 : Match::kNo;
    case Brand::kPost:
      // An S10 number stays on the item from end to end: the post of the destination (USPS for
      // ePackets to the United States) carries and tracks it under the same number.
      return stated.country == number.country_pair() ? Match::kYes : Match::kHandover;
    case Brand::kDhl:
    case Brand::kDhlPaket:
    case Brand::kDhlEcommerce:
      return number.country == "DE" ? Match::kYes : Match::kNo;
    case Brand::kCainiao:
      return Match::kHandover;  // Sends by the posts, under their numbers.
    case Brand::kEpacket:
    case Brand::kDhlExpress:
    case Brand::kFedex:
    case Brand::kUps:
    case Brand::kDpd:
    case Brand::kGls:
    case Brand::kPurolator:
    case Brand::kSfExpress:
    case Brand::kHermes:
    case Brand::kYanwen:
    case Brand::kOther:
      return Match::kNo;
  }
  return Match::kNo;
}

// Whether those who state this carrier send S10 numbers, so that a broken one is a typing mistake.
bool SendsS10(const StatedCarrier& stated) {
  switch (stated.brand) {
    case Brand::kNone:
    case Brand::kEpacket:
    case Brand::kEms:
    case Brand::kPost:
    case Brand::kAnyPost:
    case Brand::kCainiao:
      return true;
    default:
      return false;
  }
}

void JudgeForm(const Query& query, Verdict& verdict) {
  constexpr std::string_view kForm = "2 letters, 9 digits, 2 letters";
  // Not postal and not said to be ePacket: nothing to tell, the host asks others.
  if (query.stated.brand != Brand::kEpacket) return;
  std::string found = verdict.number.has_foreign_characters() ? "characters that no number has"
                                                              : DescribeShape(verdict.number);
  std::string message = "An ePacket number is " + std::string(kForm) +
                        ", such as LK123456785CN; this one is " + found + ".";
  Reject(kRuleForm, std::string(kForm), std::move(found), std::move(message), verdict);
}

}  // namespace

Verdict JudgeEpacket(const Query& query) {
  Verdict verdict(query.number);
  S10 number;
  if (verdict.number.too_long() || !ParseS10(verdict.number.text(), number)) {
    JudgeForm(query, verdict);
    return verdict;
  }

  const std::string_view lookalike = S10Lookalike(number);
  if (!lookalike.empty() && query.stated.brand != Brand::kEpacket) {
    verdict.candidates.Add(lookalike);
    verdict.note = "Looks like a postal number, but its ending is used by a private carrier.";
    return verdict;
  }
  const bool is_epacket = IsEpacketSeries(number);
  if (is_epacket) verdict.candidates.Add(kEpacket);
  if (number.service != nullptr) verdict.candidates.Add(number.service->name);
  if (number.issuer == nullptr && !SendsS10(query.stated)) return verdict;
  if (verdict.candidates.size() > 0) verdict.carrier = verdict.candidates[0];
  if (!CheckS10(number, verdict)) return verdict;

  if (query.stated.brand == Brand::kEpacket) {
    const bool right_post =
        query.stated.country == 0 || query.stated.country == number.country_pair();
    if (!is_epacket || !right_post) {
      std::string found = std::string(number.service_letters) + "…" + std::string(number.country);
      Reject(kRuleEpacketService,
             right_post ? "an L-series number of an ePacket post" : "a number of the stated post",
             found,
             "The number is a " + std::string(number.service->description) + " of the post of " +
                 std::string(number.issuer->country) + ", not the stated " +
                 Shortened(query.carrier) + ".",
             verdict);
      return verdict;
    }
    Accept(query, verdict);
    return verdict;
  }

  switch (MatchStated(query.stated, number)) {
    case Match::kYes:
      Accept(query, verdict);
      break;
    case Match::kHandover:
      if (query.scan_count > 0) {
        verdict.note = "Issued by another post and carried on under the same number.";
      }
      Accept(query, verdict);
      break;
    case Match::kNo:
      RejectStatedCarrier(query, "the post of " + std::string(number.issuer->country), verdict);
      break;
  }
  return verdict;
}

}  // namespace aftersales::carriers
