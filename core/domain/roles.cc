#include "core/domain/roles.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

using Roles = unsigned;
constexpr Roles Of(v1::Role role) { return 1u << static_cast<unsigned>(role); }

constexpr Roles kBuyer = Of(v1::ROLE_BUYER);
constexpr Roles kPeople = Of(v1::ROLE_OPERATOR) | Of(v1::ROLE_MANAGER);
constexpr Roles kRule = Of(v1::ROLE_RULE);
constexpr Roles kPlatform = Of(v1::ROLE_PLATFORM);
constexpr Roles kCarrier = Of(v1::ROLE_CARRIER);
constexpr Roles kWarehouse = Of(v1::ROLE_WAREHOUSE);
constexpr Roles kErp = Of(v1::ROLE_ERP);
constexpr Roles kAnybody =
    kBuyer | kPeople | kRule | kPlatform | kCarrier | kWarehouse | kErp | Of(v1::ROLE_PLUGIN);

struct Row {
  std::string_view method;
  Roles roles;
};
constexpr Row kTable[] = {
    {"ChannelService/BindChannel", kPeople},
    {"CostService/RecordCost", kPeople | kCarrier | kWarehouse | kPlatform | kErp},
    {"ExchangeService/OfferExchange", kPeople | kRule},
    {"ExchangeService/AcceptExchange", kBuyer | kPeople | kRule | kPlatform},
    {"ExchangeService/DeclineExchange", kBuyer | kPeople | kRule | kPlatform},
    {"ExchangeService/ReserveExchange", kPeople | kRule | kWarehouse | kErp},
    {"ExchangeService/RecordExchangePayment", kPeople | kPlatform | kErp},
    {"ExchangeService/ShipExchange", kPeople | kRule | kWarehouse | kErp},
    {"ExchangeService/DeliverExchange", kPeople | kCarrier | kPlatform | kWarehouse | kErp},
    {"ExchangeService/CompleteExchange", kPeople | kRule},
    {"ExchangeService/CancelExchange", kBuyer | kPeople | kPlatform},
    {"ExchangeService/RecordStock", kPeople | kWarehouse | kErp},
    // Each fact is asked for who may make it.
    {"FactService/RecordFacts", kAnybody},
    {"OrderService/UpsertOrder", kPeople | kRule | kPlatform | kErp},
    {"OrderService/BatchUpsertOrders", kPeople | kRule | kPlatform | kErp},
    {"PluginService/EnablePlugin", Of(v1::ROLE_MANAGER)},
    {"PluginService/DisablePlugin", Of(v1::ROLE_MANAGER)},
    {"PluginService/RestartPlugin", Of(v1::ROLE_MANAGER)},
    {"PluginService/IsolatePlugin", Of(v1::ROLE_MANAGER)},
    {"PluginService/UpgradePlugin", Of(v1::ROLE_MANAGER)},
    {"PolicyService/ProposePolicy", kPeople},
    {"PolicyService/PublishPolicy", kPeople},
    {"PolicyService/RejectPolicy", kPeople},
    {"ReconcileService/Reconcile", kPeople | kRule | kErp},
    {"ReconcileService/MatchLine", kPeople | kRule | kErp},
    {"ReconcileService/UnmatchLine", kPeople},
    {"ReconcileService/IgnoreLine", kPeople | kRule},
    {"RefundService/IssueRefund", kPeople | kRule},
    {"RefundService/ApproveRefund", kPeople | kRule},
    {"RefundService/CancelRefund", kPeople | kRule},
    {"RefundService/RetryRefund", kPeople | kRule},
    {"RefundService/SettleRefund", kPeople | kPlatform},
    {"RefundService/ReverseRefund", kPeople | kPlatform},
    {"ReturnService/CreateReturn", kBuyer | kPeople | kRule | kPlatform | kErp},
    {"ReturnService/ApproveReturn", kPeople | kRule | kPlatform},
    {"ReturnService/BatchApproveReturns", kPeople | kRule | kPlatform},
    {"ReturnService/ApproveReturnless", kPeople | kRule | kPlatform},
    {"ReturnService/RejectReturn", kPeople | kRule | kPlatform},
    {"ReturnService/RequestInfo", kPeople | kRule | kPlatform},
    {"ReturnService/RecordBuyerReminder", kPeople | kRule | kPlatform | kErp},
    {"ReturnService/CancelReturn", kBuyer | kPeople | kPlatform},
    {"ReturnService/ReopenReturn", kPeople | kPlatform},
    {"ReturnService/IssueReturnLabel", kPeople | kRule},
    {"ReturnService/VoidReturnLabel", kPeople | kRule},
    {"ReturnService/RecordReceipt", kPeople | kWarehouse | kPlatform | kErp},
    {"ReturnService/CloseShort", kPeople | kWarehouse},
    {"ReturnService/InspectReturn", kPeople | kWarehouse | kPlatform | kErp},
    {"ReturnService/CloseReturn", kPeople | kRule},
    {"ReturnService/BatchCloseReturns", kPeople | kRule},
    {"ShipmentService/UpsertShipment", kPeople | kCarrier | kWarehouse | kPlatform | kErp},
};

const Row* Find(std::string_view method) {
  const auto* row = std::find_if(std::begin(kTable), std::end(kTable),
                                 [method](const Row& of) { return of.method == method; });
  return row == std::end(kTable) ? nullptr : row;
}

std::string NameOf(int role) {
  return v1::Role_Name(static_cast<v1::Role>(role)).substr(sizeof("ROLE_") - 1);
}

}  // namespace

bool SamePerson(const v1::Actor& one, const v1::Actor& other) {
  const auto trimmed = [](const v1::Actor& actor) {
    return absl::StripAsciiWhitespace(actor.id());
  };
  return absl::EqualsIgnoreCase(trimmed(one), trimmed(other));
}

bool HasRoles(std::string_view method) { return Find(method) != nullptr; }

absl::Status CheckRole(std::string_view method, v1::Role role) {
  const Row* row = Find(method);
  const Roles allowed = row == nullptr ? kPeople : row->roles;
  // What the host does by itself is not asked for by anybody.
  if (role == v1::ROLE_UNSPECIFIED || (allowed & Of(role)) != 0) return absl::OkStatus();
  std::string who;
  for (int other = v1::Role_MIN; other <= v1::Role_MAX; ++other) {
    if ((allowed & Of(static_cast<v1::Role>(other))) == 0) continue;
    who += Cat(who.empty() ? "" : ", ", NameOf(other));
  }
  return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                Cat("this is not for the role ", NameOf(role), "; it is for ", who,
                    ": say who you are with `--as`, such as --as ",
                    absl::AsciiStrToLower(who.substr(0, who.find(','))),
                    ":mia, or in calls of your own in the metadata aftersales-actor"))
      .With("role", NameOf(role))
      .With("roles", who);
}

}  // namespace aftersales
