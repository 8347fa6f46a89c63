#include <algorithm>

#include "absl/strings/numbers.h"
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/status/refusal.h"

namespace aftersales::api {
namespace {

// One line that says what to do.
std::string ActionFor(v1::Deadline::Kind kind, const v1::Return& r) {
  switch (kind) {
    case v1::Deadline::KIND_RETURN_RESPONSE:
      return r.a_to_z_claim() ? "Answer the return; an A-to-z claim is open on it"
                              : "Approve or reject the return";
    case v1::Deadline::KIND_RECEIPT:
      return "Count the parcel that the carrier delivered";
    case v1::Deadline::KIND_REFUND:
      if (std::any_of(r.items().begin(), r.items().end(),
                      [](const v1::ReturnItem& item) { return item.quantity_in_exchange() > 0; })) {
        return "Ship the replacement of the received units, or cancel the exchange and refund them";
      }
      if (r.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS) {
        return "Refund the buyer, who keeps the goods";
      }
      return r.status() == v1::Return::STATUS_INSPECTED ? "Refund the inspected units"
                                                        : "Inspect and refund the received units";
    case v1::Deadline::KIND_MANUAL_ACTION:
      return r.manual_action().title();
    case v1::Deadline::KIND_BUYER_REMINDER:
      return "Remind the buyer to send the goods, and note it";
    default:
      return "Look at the return";
  }
}

std::string ActionFor(v1::Deadline::Kind kind, const v1::Exchange& x) {
  const int64_t open = x.balance().minor_units();
  const std::string amount =
      FormatMoney(money::Make(open < 0 ? -open : open, x.balance().currency_code()));
  switch (kind) {
    case v1::Deadline::KIND_EXCHANGE_OFFER:
      return "Wait for the buyer's answer to the exchange, or remind them";
    case v1::Deadline::KIND_EXCHANGE_RESERVE:
      return "Keep stock for the exchange that the buyer accepted";
    case v1::Deadline::KIND_EXCHANGE_RESERVATION:
      return "Stock is kept for the exchange until then; get what is missing, or cancel it";
    case v1::Deadline::KIND_EXCHANGE_SHIP:
      return "Ship the replacement";
    case v1::Deadline::KIND_EXCHANGE_RETURN:
      return "The replaced goods have to be back; remind the buyer";
    case v1::Deadline::KIND_EXCHANGE_OVERDUE:
      return x.has_overdue_charge()
                 ? Cat("Charge the buyer ", FormatMoney(x.overdue_charge()),
                       " for goods that did not come back, or waive them")
                 : "Claim goods that did not come back from the marketplace, or waive them";
    case v1::Deadline::KIND_EXCHANGE_REFUND:
      return x.has_refund_quote() ? Cat("Refund ", FormatMoney(x.refund_quote().total()),
                                        ": the replacement is out of stock")
                                  : "Refund the buyer: the replacement is out of stock";
    case v1::Deadline::KIND_EXCHANGE_PAYMENT:
      return open > 0 ? Cat("Collect the difference of ", amount, " from the buyer")
                      : Cat("Pay the buyer the ", amount, " that the exchange left over");
    default:
      return "Look at the exchange";
  }
}

absl::StatusOr<v1::WorkItem> ItemOf(const store::WorkRow& row, absl::Time now) {
  v1::WorkItem item;
  item.set_kind(static_cast<v1::Deadline::Kind>(row.kind));
  const absl::Time due = absl::FromUnixMicros(row.due_at);
  *item.mutable_due_at() = calendar::ToProto(due);
  const int64_t left = absl::ToInt64Seconds(due - now);
  item.mutable_time_left()->set_seconds(left);
  item.set_overdue(now > due);
  const auto broken = [] { return absl::InternalError("a stored resource cannot be read"); };
  switch (row.source) {
    case store::WorkRow::Source::kReturn: {
      store::ReturnRecord record;
      if (!record.ParseFromString(row.body)) return broken();
      const v1::Return& r = record.state();
      item.set_subject(r.name());
      item.set_channel(r.channel());
      item.set_order_external_id(r.order_external_id());
      item.set_external_rma_id(r.external_rma_id());
      if (r.items_size() > 0) item.set_reason(r.items(0).buyer_reason());
      item.set_action(ActionFor(item.kind(), r));
      if (item.kind() == v1::Deadline::KIND_MANUAL_ACTION) {
        *item.mutable_manual_action() = r.manual_action();
      }
      break;
    }
    case store::WorkRow::Source::kRefund: {
      store::RefundRecord record;
      if (!record.ParseFromString(row.body)) return broken();
      const v1::Refund& r = record.state();
      item.set_subject(r.name());
      item.set_channel(r.channel());
      item.set_order_external_id(r.order_external_id());
      if (r.status() == v1::Refund::STATUS_UNKNOWN) {
        item.set_action(Cat("Find out whether the refund of ", FormatMoney(r.total()),
                            " was paid, and settle it"));
      } else if (r.status() == v1::Refund::STATUS_PENDING_APPROVAL) {
        item.set_action(Cat("Approve or cancel the refund of ", FormatMoney(r.total()),
                            ", which somebody else asked for"));
      } else {
        item.set_action(r.manual_action().title());
        *item.mutable_manual_action() = r.manual_action();
      }
      break;
    }
    case store::WorkRow::Source::kExchange: {
      store::ExchangeRecord record;
      if (!record.ParseFromString(row.body)) return broken();
      const v1::Exchange& x = record.state();
      item.set_subject(x.name());
      item.set_channel(x.channel());
      item.set_order_external_id(x.order_external_id());
      item.set_action(ActionFor(item.kind(), x));
      break;
    }
    case store::WorkRow::Source::kOrder: {
      v1::Order order;
      if (!order.ParseFromString(row.body)) return broken();
      item.set_subject(order.name());
      item.set_channel(order.channel());
      item.set_order_external_id(order.external_id());
      item.set_action("Ship the order and confirm the shipment");
      break;
    }
  }
  return item;
}

class QueueService final : public v1::QueueService::CallbackService {
 public:
  explicit QueueService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* ListWorkItems(grpc::CallbackServerContext* context,
                                          const v1::ListWorkItemsRequest* request,
                                          v1::ListWorkItemsResponse* response) override {
    const absl::Time now = engine_.Now();
    *response->mutable_as_of() = calendar::ToProto(now);
    return RunList(
        context, engine_, request, response, "work", {"channel", "kind"},
        [](const Filter& filter, std::string_view seller) -> absl::StatusOr<store::WorkFilter> {
          absl::Status status;
          store::WorkFilter wanted;
          Take(filter.Id("channel", seller, "channels"), &wanted.channel, &status);
          Take(filter.Enum("kind", v1::Deadline::Kind_descriptor(), "KIND_"), &wanted.kind,
               &status);
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const store::WorkFilter& wanted,
           const std::vector<std::string>& position, int limit) {
          store::WorkPosition after;
          if (position.size() == 3) {
            (void)absl::SimpleAtoi(position[0], &after.due_at);
            (void)absl::SimpleAtoi(position[1], &after.source);
            after.id = position[2];
          }
          return reader.ListWork(seller, wanted, after, limit);
        },
        [](const store::WorkRow& row) -> std::vector<std::string> {
          return {Cat(row.due_at), Cat(static_cast<int>(row.source)), row.id};
        },
        [now](store::WorkRow&& row, v1::ListWorkItemsResponse* page) {
          auto item = ItemOf(row, now);
          if (!item.ok()) return item.status();
          *page->add_work_items() = *std::move(item);
          return absl::OkStatus();
        });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeQueueService(engine::Engine& engine) {
  return std::make_unique<QueueService>(engine);
}

}  // namespace aftersales::api
