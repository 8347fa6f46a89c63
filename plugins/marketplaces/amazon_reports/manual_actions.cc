#include "plugins/marketplaces/amazon_reports/manual_actions.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

struct SellerCentral {
  std::string_view marketplace_id;
  std::string_view currency_code;
  std::string_view host;
};

// Marketplace ids from Amazon's documentation of the Selling Partner API. Sellers of the European
// marketplaces work in one common Seller Central, whose host serves all of them.
constexpr std::string_view kEurope = "sellercentral-europe.amazon.com";
constexpr SellerCentral kSellerCentrals[] = {
    {"ATVPDKIKX0DER", "USD", "sellercentral.amazon.com"},
    {"A2EUQ1WTGCTBG2", "CAD", "sellercentral.amazon.ca"},
    {"A1AM78C64UM0Y8", "MXN", "sellercentral.amazon.com.mx"},
    {"A2Q3Y263D00KWC", "BRL", "sellercentral.amazon.com.br"},
    {"A28R8C7NBKEWEA", "EUR", "sellercentral.amazon.ie"},
    {"A1RKKUPIHCS9HS", "EUR", kEurope},
    {"A1F83G8C2ARO7P", "GBP", "sellercentral.amazon.co.uk"},
    {"A13V1IB3VIYZZH", "EUR", "sellercentral.amazon.fr"},
    {"AMEN7PMS3EDWL", "EUR", "sellercentral.amazon.com.be"},
    {"A1805IZSGTT6HS", "EUR", "sellercentral.amazon.nl"},
    {"A1PA6795UKMFR9", "EUR", "sellercentral.amazon.de"},
    {"APJ6JRA9NG5V4", "EUR", "sellercentral.amazon.it"},
    {"A2NODRKZP88ZB9", "SEK", "sellercentral.amazon.se"},
    {"AE08WJ6YKNBMC", "ZAR", "sellercentral.amazon.co.za"},
    {"A1C3SOZRARQ6R3", "PLN", "sellercentral.amazon.pl"},
    {"ARBP9OOSHTCHU", "EGP", "sellercentral.amazon.eg"},
    {"A33AVAJ2PDY3EV", "TRY", "sellercentral.amazon.com.tr"},
    {"A17E79C6D8DWNP", "SAR", "sellercentral.amazon.sa"},
    {"A2VIGQ35RCS4UG", "AED", "sellercentral.amazon.ae"},
    {"A21TJRUUN4KGV", "INR", "sellercentral.amazon.in"},
    {"A19VAU5U5O7RUS", "SGD", "sellercentral.amazon.sg"},
    {"A39IBJ37TRP1C6", "AUD", "sellercentral.amazon.com.au"},
    {"A1VC38T7YXB528", "JPY", "sellercentral.amazon.co.jp"},
};

// Where a thing is done, as a path with `{order}` for the order id, and the steps there. `{rma}`,
// `{reason}`, `{amount}` and `{text}` stand for what the subject has; a step whose value is empty
// is left out.
struct Guide {
  std::string_view title;
  std::string_view path;
  std::span<const std::string_view> steps;
};

constexpr std::string_view kReturnsPath = "/gp/returns/list";
constexpr std::string_view kOrderPath = "/orders-v3/order/{order}";

constexpr std::string_view kApproveSteps[] = {
    "Open Manage Seller Fulfilled Returns and search for order {order}.",
    "Find the request with RMA {rma}.",
    "Choose Authorize request, and check the return address and the label.",
    "Confirm. The next returns report shows the request as Approved.",
};
constexpr std::string_view kReturnlessSteps[] = {
    "Open Manage Seller Fulfilled Returns and search for order {order}.",
    "Find the request with RMA {rma}.",
    "Choose Issue refund and say that the item need not be sent back.",
    "Confirm. The next returns report shows the request as closed.",
};
constexpr std::string_view kRejectSteps[] = {
    "Open Manage Seller Fulfilled Returns and search for order {order}.",
    "Find the request with RMA {rma}.",
    "Choose Close request and give the reason: {reason}.",
    "Write to the buyer: {text}",
    "Confirm. A request inside the return policy must not be declined: the buyer may file an "
    "A-to-z claim.",
};
// The amounts go between the first step and the second.
constexpr std::string_view kRefundSteps[] = {
    "Open order {order} and choose Refund order.",
    "Check that Seller Central shows {amount} in all, and submit.",
    "Mark the refund as done here, with the reference that Seller Central shows.",
};

constexpr std::string_view kGeneralDecideSteps[] = {
    "Open Manage Seller Fulfilled Returns and search for the order.",
    "Authorize the request, refund it without a return, or close it with a reason, as decided "
    "here.",
    "Confirm. The next returns report shows the request as decided.",
};
constexpr std::string_view kGeneralRefundSteps[] = {
    "Open the order and choose Refund order.",
    "Enter the amounts that are shown here, check the total, and submit.",
    "Mark the refund as done here, with the reference that Seller Central shows.",
};

constexpr Guide kGeneralDecide = {"Decide the return in Seller Central", kReturnsPath,
                                  kGeneralDecideSteps};
constexpr Guide kGeneralRefund = {"Pay the refund in Seller Central", kOrderPath,
                                  kGeneralRefundSteps};
constexpr Guide kApprove = {"Authorize the return of order {order}", kReturnsPath, kApproveSteps};
constexpr Guide kReturnless = {"Refund order {order} without a return", kReturnsPath,
                               kReturnlessSteps};
constexpr Guide kReject = {"Decline the return of order {order}", kReturnsPath, kRejectSteps};
constexpr Guide kRefund = {"Refund {amount} for order {order}", kOrderPath, kRefundSteps};

struct Values {
  std::string order;
  std::string rma;
  std::string reason;
  std::string amount;
  std::string text;
};

// Puts the values in. False if one that is named is empty.
bool Expand(std::string_view pattern, const Values& values, std::string* out) {
  const std::pair<std::string_view, const std::string*> names[] = {{"{order}", &values.order},
                                                                   {"{rma}", &values.rma},
                                                                   {"{reason}", &values.reason},
                                                                   {"{amount}", &values.amount},
                                                                   {"{text}", &values.text}};
  bool complete = true;
  while (!pattern.empty()) {
    const size_t open = pattern.find('{');
    out->append(pattern.substr(0, open));
    if (open == std::string_view::npos) return complete;
    pattern.remove_prefix(open);
    for (const auto& [name, value] : names) {
      if (!pattern.starts_with(name)) continue;
      out->append(*value);
      complete = complete && !value->empty();
      pattern.remove_prefix(name.size());
      break;
    }
  }
  return complete;
}

v1::ManualAction MakeAction(const Guide& guide, std::string_view host, const Values& values) {
  v1::ManualAction action;
  Expand(guide.title, values, action.mutable_title());
  for (const std::string_view step : guide.steps) {
    std::string text;
    if (Expand(step, values, &text)) action.add_steps(text);
  }
  // An order id that is not one of Amazon's has no page there, and must not shape the address.
  bool plain = !values.order.empty();
  for (const char c : values.order) {
    plain = plain && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-');
  }
  std::string* url = action.mutable_url();
  url->append("https://").append(host);
  if (guide.path == kOrderPath && !plain) {
    url->append("/orders-v3");
  } else {
    Expand(guide.path, values, url);
  }
  return action;
}

// `29.99 USD`, `3980 JPY`.
std::string FormatMoney(const v1::Money& money) {
  const int exponent = CurrencyExponent(money.currency_code());
  const bool negative = money.minor_units() < 0;
  const auto units = static_cast<uint64_t>(money.minor_units());
  std::string digits = std::to_string(negative ? -units : units);
  const auto decimals = static_cast<size_t>(exponent);
  if (decimals > 0) {
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    digits.insert(digits.size() - decimals, ".");
  }
  return (negative ? "-" : "") + digits + " " + money.currency_code();
}

std::string_view BreakdownWord(v1::BreakdownLine::Kind kind) {
  switch (kind) {
    case v1::BreakdownLine::KIND_ITEM:
      return "Product refund";
    case v1::BreakdownLine::KIND_ITEM_TAX:
      return "Product tax";
    case v1::BreakdownLine::KIND_SHIPPING:
      return "Shipping refund";
    case v1::BreakdownLine::KIND_SHIPPING_TAX:
      return "Shipping tax";
    case v1::BreakdownLine::KIND_GOODWILL:
      return "Concession";
    case v1::BreakdownLine::KIND_RESTOCKING_FEE:
      return "Restocking fee";
    case v1::BreakdownLine::KIND_TAX_WITHHELD:
      return "Tax on the restocking fee";
    case v1::BreakdownLine::KIND_LABEL_FEE:
      return "Return shipping paid by the buyer";
    case v1::BreakdownLine::KIND_FREE_SHIPPING_RETAINED:
      return "Free shipping kept";
    default:
      return "Deduction";
  }
}

}  // namespace

std::string_view SellerCentralHost(std::string_view marketplace_id,
                                   std::string_view currency_code) {
  for (const SellerCentral& entry : kSellerCentrals) {
    if (entry.marketplace_id == marketplace_id) return entry.host;
  }
  if (currency_code == "EUR") return kEurope;
  for (const SellerCentral& entry : kSellerCentrals) {
    if (entry.currency_code == currency_code) return entry.host;
  }
  return kSellerCentrals[0].host;
}

v1::ManualAction DecideReturnAction(std::string_view marketplace_id, const v1::Return& subject) {
  Values values;
  values.order = subject.order_external_id();
  values.rma = subject.external_rma_id();
  values.reason = subject.decision().reason_code();
  values.text = subject.decision().text();
  std::string_view currency = subject.platform_refunded().currency_code();
  if (currency.empty() && subject.labels_size() > 0) {
    currency = subject.labels(0).cost().currency_code();
  }
  const Guide* guide = &kApprove;
  if (subject.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS) {
    guide = &kReturnless;
  } else if (subject.decision().verdict() == v1::Decision::VERDICT_REJECTED) {
    guide = &kReject;
  }
  return MakeAction(*guide, SellerCentralHost(marketplace_id, currency), values);
}

v1::ManualAction IssueRefundAction(std::string_view marketplace_id, const v1::Refund& refund) {
  Values values;
  values.order = refund.order_external_id();
  values.amount = FormatMoney(refund.total());
  v1::ManualAction action = MakeAction(
      kRefund, SellerCentralHost(marketplace_id, refund.total().currency_code()), values);
  int place = 1;
  for (const v1::BreakdownLine& line : refund.breakdown()) {
    if (line.informational() || line.amount().minor_units() == 0) continue;
    std::string text = "Enter ";
    text.append(BreakdownWord(line.kind()));
    if (!line.line_id().empty()) text.append(" of ").append(line.line_id());
    action.add_steps(text + ": " + FormatMoney(line.amount()));
    std::rotate(action.mutable_steps()->begin() + place, action.mutable_steps()->end() - 1,
                action.mutable_steps()->end());
    ++place;
  }
  return action;
}

v1::ManualAction GeneralDecideReturnAction() {
  return MakeAction(kGeneralDecide, SellerCentralHost("", ""), {});
}

v1::ManualAction GeneralIssueRefundAction() {
  return MakeAction(kGeneralRefund, SellerCentralHost("", ""), {});
}

}  // namespace aftersales::amazon_reports
