#include "core/domain/return_options.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "core/domain/costs.h"
#include "core/domain/money.h"
#include "core/domain/refund_quote.h"
#include "core/domain/return_items.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

using Label = v1::ReturnOptions::Label;
using Route = v1::ReturnOptions::Route;

template <typename Map>
std::optional<int64_t> In(const Map& by_currency, const std::string& currency) {
  const auto found = by_currency.find(currency);
  if (found == by_currency.end()) return std::nullopt;
  return found->second;
}

bool HasAddress(const v1::Channel& channel, v1::ReturnRoute route) {
  return std::any_of(channel.return_addresses().begin(), channel.return_addresses().end(),
                     [&](const v1::ReturnAddress& address) {
                       return address.state() == v1::ReturnAddress::STATE_APPROVED &&
                              RouteTo(channel, address) == route;
                     });
}

bool BuyerAnswersForAll(const v1::Return& state) {
  return std::all_of(state.items().begin(), state.items().end(),
                     [](const v1::ReturnItem& item) { return item.fault() == v1::FAULT_BUYER; });
}

Label* AddLabel(Label::Kind kind, bool available, std::string_view reason,
                v1::ReturnOptions* options) {
  Label* label = options->add_labels();
  label->set_kind(kind);
  label->set_available(available);
  label->set_reason(std::string(reason));
  return label;
}

void AddAmazonPrepaid(const v1::Return& state, const Deciding& deciding,
                      v1::ReturnOptions* options) {
  const auto issued =
      std::find_if(state.labels().begin(), state.labels().end(), [](const v1::ReturnLabel& label) {
        return label.kind() == v1::ReturnLabel::KIND_AMAZON_GENERATED && IsLive(label.state());
      });
  const auto add = [&](bool available, std::string_view reason) {
    AddLabel(Label::KIND_AMAZON_PREPAID, available, reason, options);
  };
  const auto& countries = deciding.policy.Whole().prepaid_label_countries();
  const std::string& country = deciding.channel.country_code();
  if (issued != state.labels().end()) {
    add(true, Cat("Amazon has issued ", issued->tracking_number(), "."));
  } else if (state.platform_managed()) {
    add(true, "Amazon fulfils the order and gives the buyer the label.");
  } else if (std::find(countries.begin(), countries.end(), country) == countries.end()) {
    add(false,
        Cat("Amazon generates no prepaid labels for seller-fulfilled orders in ", country, "."));
  } else if (!state.validity().in_policy()) {
    add(false, "Amazon generates them for requests inside the return policy; this one is not.");
  } else {
    add(true,
        "Amazon generates them for requests inside the return policy, unless the SKU is exempt.");
  }
}

void AddLabels(const v1::Return& state, const Deciding& deciding, v1::ReturnOptions* options) {
  AddAmazonPrepaid(state, deciding, options);
  const bool local = HasAddress(deciding.channel, v1::RETURN_ROUTE_LOCAL);
  const bool origin = HasAddress(deciding.channel, v1::RETURN_ROUTE_ORIGIN);
  const std::string& plugin = deciding.channel.label_plugin();
  const bool managed = state.platform_managed();

  AddLabel(Label::KIND_MERCHANT_PREPAID, !managed && (local || origin),
           managed             ? std::string("Amazon handles the parcel.")
           : !local && !origin ? std::string("The channel has no approved return address.")
           : plugin.empty()    ? std::string("Give the tracking number of a label that you bought; "
                                                "the channel has no label plugin.")
                               : Cat("The label plugin ", plugin, " buys it."),
           options);
  const bool buyer = BuyerAnswersForAll(state);
  AddLabel(Label::KIND_UNPAID, !managed && buyer && local,
           managed  ? "Amazon handles the parcel."
           : !buyer ? "The seller answers for the reason, so the buyer does not pay."
           : !local ? "Without an approved address in the buyer's country, a prepaid label or a "
                      "returnless refund is due."
                    : "The buyer changed their mind and pays the carriage.",
           options);
  AddLabel(Label::KIND_NONE, options->returnless().allowed(), options->returnless().reason(),
           options);
  // The first that can be had, in the order in which they stand; keeping the goods where that is
  // the cheapest.
  Label* suggested = nullptr;
  for (Label& label : *options->mutable_labels()) {
    if (label.available() && suggested == nullptr) suggested = &label;
    if (label.kind() == Label::KIND_NONE && options->returnless().suggested()) suggested = &label;
    if (label.kind() == Label::KIND_UNPAID && label.available() && suggested != nullptr &&
        suggested->kind() == Label::KIND_MERCHANT_PREPAID) {
      suggested = &label;
    }
  }
  if (suggested != nullptr) suggested->set_suggested(true);
}

void AddRoutes(const v1::Return& state, const Deciding& deciding, v1::ReturnOptions* options) {
  const v1::RoutePolicy& rule = deciding.policy.Whole().routes();
  v1::ReturnOptions::Returnless* keep = options->mutable_returnless();
  const std::string& currency = deciding.channel.currency_code();
  const int64_t recovery = keep->expected_recovery().minor_units();
  const bool local = HasAddress(deciding.channel, v1::RETURN_ROUTE_LOCAL);
  const bool origin = HasAddress(deciding.channel, v1::RETURN_ROUTE_ORIGIN);

  const auto add = [&](v1::ReturnRoute route, bool available, std::string_view reason,
                       std::optional<int64_t> cost) {
    Route* added = options->add_routes();
    added->set_route(route);
    added->set_available(available && !state.platform_managed());
    added->set_reason(state.platform_managed() ? "Amazon handles the parcel."
                                               : std::string(reason));
    if (cost && keep->has_item_value())
      *added->mutable_expected_cost() = money::Make(*cost, currency);
  };
  const auto costing = [&](const auto& freight, int64_t gain,
                           int64_t lost_bp) -> std::optional<int64_t> {
    const std::optional<int64_t> known = In(freight, currency);
    if (!known) return std::nullopt;
    return RouteCost(*known, gain, lost_bp);
  };
  add(v1::RETURN_ROUTE_LOCAL, local,
      local ? "There is an approved address in the buyer's country."
            : "There is no approved address in the buyer's country.",
      costing(rule.local_freight_minor_units(), recovery, 0));
  add(v1::RETURN_ROUTE_ORIGIN, origin,
      origin ? Cat("There is an approved address abroad; ", rule.customs_fail_bp() / 100,
                   " % of parcels are reckoned lost in customs.")
             : std::string("There is no approved address abroad."),
      costing(rule.origin_freight_minor_units(), recovery, rule.customs_fail_bp()));
  add(v1::RETURN_ROUTE_DISPOSE, local,
      local ? "An address in the buyer's country may throw the goods away."
            : "There is no approved address in the buyer's country.",
      costing(rule.disposal_minor_units(), 0, 0));
  add(v1::RETURN_ROUTE_NONE, keep->allowed(), keep->reason(), 0);

  Route* cheapest = nullptr;
  for (Route& route : *options->mutable_routes()) {
    if (!route.available() || !route.has_expected_cost()) continue;
    if (cheapest == nullptr ||
        route.expected_cost().minor_units() < cheapest->expected_cost().minor_units()) {
      cheapest = &route;
    }
  }
  if (cheapest == nullptr) return;
  cheapest->set_suggested(true);
  keep->set_suggested(cheapest->route() == v1::RETURN_ROUTE_NONE);
}

}  // namespace

v1::ReturnRoute RouteTo(const v1::Channel& channel, const v1::ReturnAddress& address) {
  return address.country_code() == channel.country_code() ? v1::RETURN_ROUTE_LOCAL
                                                          : v1::RETURN_ROUTE_ORIGIN;
}

v1::ReturnOptions::Returnless ReturnlessOption(const v1::Return& state, const Deciding& deciding) {
  v1::ReturnOptions::Returnless option;
  if (deciding.order == nullptr) {
    option.set_reason("the order is not imported, so the value of the goods is unknown");
    return option;
  }
  const std::string& currency = deciding.order->currency_code();
  ReturnlessCase the_case;
  the_case.brand_registered = deciding.channel.brand_registered();
  the_case.currency_code = currency;
  bool costed = true;
  for (const v1::ReturnItem& item : state.items()) {
    const v1::OrderLine* line = OrderLineOf(*deciding.order, item);
    if (line == nullptr || line->quantity() < 1) {
      option.set_reason("a line of it is not in the order, so the value of the goods is unknown");
      return option;
    }
    const v1::ReturnlessPolicy& rule = deciding.policy.Of(*line).returnless();
    const int64_t value =
        money::CumulativeUnits(line->item_total().minor_units(), line->quantity(),
                               std::min(item.quantity_requested(), line->quantity()));
    the_case.item_value += value;
    the_case.expected_recovery += money::ApplyBasisPoints(value, rule.expected_recovery_bp());
    const std::optional<int64_t> cost = In(rule.reverse_cost_minor_units(), currency);
    costed = costed && cost;
    // One parcel carries all of it.
    if (cost) the_case.reverse_cost = std::max(the_case.reverse_cost, *cost);
  }
  if (!costed) the_case.reverse_cost = 0;
  *option.mutable_item_value() = money::Make(the_case.item_value, currency);
  *option.mutable_expected_recovery() = money::Make(the_case.expected_recovery, currency);
  if (costed) {
    *option.mutable_reverse_cost() = money::Make(the_case.reverse_cost, currency);
    *option.mutable_net_saving() =
        money::Make(the_case.reverse_cost - the_case.expected_recovery, currency);
  }
  option.set_allowed(true);
  for (const v1::ReturnItem& item : state.items()) {
    const v1::Policy& policy = deciding.policy.Of(*OrderLineOf(*deciding.order, item));
    if (ReturnlessAllowed(policy, the_case)) continue;
    option.set_allowed(false);
    const v1::ReturnlessPolicy& rule = policy.returnless();
    const std::string value = money::Format(option.item_value());
    const std::optional<int64_t> cap = In(rule.cap_minor_units(), currency);
    if (rule.brand_registered_only() && !the_case.brand_registered) {
      option.set_reason(
          Cat("letting the buyer keep goods worth ", value, " takes a brand-registered channel"));
    } else if (!cap || the_case.item_value > *cap) {
      option.set_reason(
          Cat("letting the buyer keep goods worth ", value, " is above the cap of the policy"));
    } else {
      option.set_reason(Cat("goods worth ", value, " bring in ",
                            money::Format(option.expected_recovery()), " and cost ",
                            money::Format(option.reverse_cost()),
                            " to fetch, so they are asked "
                            "back"));
    }
    return option;
  }
  option.set_reason(costed ? Cat("The goods bring in ", money::Format(option.expected_recovery()),
                                 " and cost ", money::Format(option.reverse_cost()),
                                 " to fetch, and are within the cap.")
                           : std::string("The goods are within the cap of the policy."));
  return option;
}

v1::ReturnOptions ReturnOptionsOf(const v1::Return& state, const Deciding& deciding) {
  v1::ReturnOptions options;
  *options.mutable_returnless() = ReturnlessOption(state, deciding);
  // A sentence here; part of one in a refusal.
  std::string* why = options.mutable_returnless()->mutable_reason();
  why->front() = absl::ascii_toupper(static_cast<unsigned char>(why->front()));
  if (why->back() != '.') why->push_back('.');
  AddRoutes(state, deciding, &options);
  AddLabels(state, deciding, &options);
  return options;
}

}  // namespace aftersales
