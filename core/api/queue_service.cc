#include "absl/strings/numbers.h"
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
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
      return r.status() == v1::Return::STATUS_INSPECTED ? "Refund the inspected units"
                                                        : "Inspect and refund the received units";
    case v1::Deadline::KIND_MANUAL_ACTION:
      return r.manual_action().title();
    default:
      return "Look at the return";
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
      } else {
        item.set_action(r.manual_action().title());
        *item.mutable_manual_action() = r.manual_action();
      }
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
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    auto filter = Filter::Parse(request->filter(), {"channel", "kind"});
    if (!filter.ok()) return FinishNow(context, filter.status());
    store::WorkFilter wanted;
    auto channel = filter->Id("channel", *seller, "channels");
    if (!channel.ok()) return FinishNow(context, channel.status());
    wanted.channel = *channel;
    auto kind = filter->Enum("kind", v1::Deadline::Kind_descriptor(), "KIND_");
    if (!kind.ok()) return FinishNow(context, kind.status());
    wanted.kind = *kind;
    const PageTokens tokens(engine_.store().Secret(),
                            Cat("work\n", request->parent(), "\n", request->filter()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    store::WorkPosition after;
    if (position->size() == 3) {
      (void)absl::SimpleAtoi((*position)[0], &after.due_at);
      (void)absl::SimpleAtoi((*position)[1], &after.source);
      after.id = (*position)[2];
    }
    return RunQuery(context, engine_, response,
                    [=, seller = *seller, size = *size, now = engine_.Now()](
                        store::Reader& reader) -> absl::StatusOr<v1::ListWorkItemsResponse> {
                      auto rows = reader.ListWork(seller, wanted, after, size + 1);
                      v1::ListWorkItemsResponse page;
                      *page.mutable_as_of() = calendar::ToProto(now);
                      if (static_cast<int>(rows.size()) > size) {
                        rows.resize(size);
                        const store::WorkRow& last = rows.back();
                        page.set_next_page_token(tokens.Make(
                            {Cat(last.due_at), Cat(static_cast<int>(last.source)), last.id}));
                      }
                      for (const store::WorkRow& row : rows) {
                        auto item = ItemOf(row, now);
                        if (!item.ok()) return item.status();
                        *page.add_work_items() = *std::move(item);
                      }
                      return page;
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
