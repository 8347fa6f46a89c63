#include "absl/strings/numbers.h"
#include "aftersales/v1/metrics_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/status/refusal.h"

namespace aftersales::api {
namespace {

using Cases = store::MetricQuery::Cases;

// Nothing for a number that is none.
std::optional<Cases> CasesOf(v1::ListMetricOrdersRequest::Cases cases) {
  switch (cases) {
    case v1::ListMetricOrdersRequest::CASES_UNSPECIFIED:
    case v1::ListMetricOrdersRequest::CASES_BAD:
      return Cases::kBad;
    case v1::ListMetricOrdersRequest::CASES_NUMERATOR:
      return Cases::kNumerator;
    case v1::ListMetricOrdersRequest::CASES_DENOMINATOR:
      return Cases::kDenominator;
    default:
      return std::nullopt;
  }
}

// How a return counts in the response rate, in words.
std::string_view WhyOf(const v1::Return& state) {
  const std::optional<metrics::Response> response = metrics::ResponseOf(state);
  if (!response) return "the request does not count";
  switch (response->counter) {
    case metrics::Counter::kAnsweredInTime:
      return "the request was answered in time";
    case metrics::Counter::kAnsweredLate:
      return "the request was answered late";
    default:
      return "the request has not been answered and is past due";
  }
}

// The case behind a figure, in words.
absl::StatusOr<v1::MetricOrder> CaseOf(const store::MetricRow& row, v1::Metric::Kind kind,
                                       Cases cases) {
  v1::MetricOrder out;
  out.set_date(calendar::DateText(calendar::FromDayNumber(row.day)));
  const auto broken = [] { return absl::InternalError("a stored resource cannot be read"); };
  if (kind == v1::Metric::KIND_VTR) {
    v1::Shipment shipment;
    if (!shipment.ParseFromString(row.body)) return broken();
    out.set_order_external_id(shipment.order_external_id());
    out.set_subject(shipment.name());
    out.set_why(shipment.verdict().message().empty()
                    ? Cat(shipment.verdict().tracking_number(), " is valid and was scanned")
                    : shipment.verdict().message());
    return out;
  }
  if (kind == v1::Metric::KIND_RESP) {
    store::ReturnRecord record;
    if (!record.ParseFromString(row.body)) return broken();
    out.set_order_external_id(record.state().order_external_id());
    out.set_subject(record.state().name());
    out.set_why(std::string(WhyOf(record.state())));
    return out;
  }
  v1::Order order;
  if (!order.ParseFromString(row.body)) return broken();
  out.set_order_external_id(order.external_id());
  out.set_subject(order.name());
  if (cases == Cases::kDenominator) {
    out.set_why("counts as an order of the window");
  } else if (kind == v1::Metric::KIND_LSR) {
    out.set_why(
        Cat("confirmed ", calendar::InstantText(calendar::FromProto(order.ship_confirmed_at())),
            ", ship by ", calendar::InstantText(calendar::FromProto(order.expected_ship_by()))));
  } else {
    std::string why;
    for (const v1::Defect& defect : order.defects()) {
      if (!metrics::CountsAsDefect(defect)) continue;
      if (!why.empty()) why += ", ";
      why += defect.kind() == v1::Defect::KIND_FEEDBACK
                 ? Cat("feedback of ", defect.rating(), " stars")
                 : Cat(v1::Defect::Kind_Name(defect.kind()).substr(sizeof("KIND_") - 1), " ",
                       v1::Defect::Outcome_Name(defect.outcome()).substr(sizeof("OUTCOME_") - 1));
    }
    out.set_why(why);
  }
  return out;
}

// The Monday of a week of a request; none if it names none.
absl::StatusOr<std::optional<absl::CivilDay>> WeekOf(const std::string& text, absl::Time now) {
  if (text.empty()) return std::nullopt;
  auto monday = calendar::ParseWeek(text);
  if (!monday.ok()) return monday.status();
  // Somewhere it is tomorrow already.
  if (*monday > calendar::LocalDay(now, absl::UTCTimeZone()) + 1) {
    return InvalidField("week", "BAD_WEEK", Cat(text, " has not begun"));
  }
  return *monday;
}

// What a page is of.
struct Listed {
  std::string seller;
  std::string channel_id;
  int size = 0;
};

template <typename Request>
absl::StatusOr<Listed> ListedOf(const Request& request) {
  auto seller = names::ParseSeller(request.parent(), "parent");
  if (!seller.ok()) return seller.status();
  auto size = PageSize(request.page_size());
  if (!size.ok()) return size.status();
  auto channel = names::Parse(request.channel(), "channels", "channel");
  if (!channel.ok()) return channel.status();
  if (channel->seller != *seller) return NotFound(request.channel());
  return Listed{std::string(*seller), std::string(channel->id), *size};
}

class MetricsService final : public v1::MetricsService::CallbackService {
 public:
  explicit MetricsService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* GetDashboard(grpc::CallbackServerContext* context,
                                         const v1::GetDashboardRequest* request,
                                         v1::Dashboard* response) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    const absl::Time now = engine_.Now();
    auto week = WeekOf(request->week(), now);
    if (!week.ok()) return FinishNow(context, week.status());
    return RunQuery(context, engine_, response,
                    [seller = *seller, now,
                     week = *week](store::Reader& reader) -> absl::StatusOr<v1::Dashboard> {
                      return engine::MakeDashboard(reader, seller, now, week);
                    });
  }

  grpc::ServerUnaryReactor* ListMetricOrders(grpc::CallbackServerContext* context,
                                             const v1::ListMetricOrdersRequest* request,
                                             v1::ListMetricOrdersResponse* response) override {
    auto listed = ListedOf(*request);
    if (!listed.ok()) return FinishNow(context, listed.status());
    if (request->kind() == v1::Metric::KIND_UNSPECIFIED ||
        !v1::Metric::Kind_IsValid(request->kind())) {
      return FinishNow(context, InvalidField("kind", "MISSING_FIELD", "ODR, LSR, VTR or RESP"));
    }
    if (request->fulfillment() != v1::FULFILLMENT_MFN &&
        request->fulfillment() != v1::FULFILLMENT_AFN) {
      return FinishNow(context, InvalidField("fulfillment", "MISSING_FIELD", "MFN or AFN"));
    }
    const std::optional<Cases> cases = CasesOf(request->cases());
    if (!cases) {
      return FinishNow(context, InvalidField("cases", "UNKNOWN_VALUE",
                                             "BAD, NUMERATOR or DENOMINATOR; BAD when left out"));
    }
    const absl::Time now = engine_.Now();
    auto week = WeekOf(request->week(), now);
    if (!week.ok()) return FinishNow(context, week.status());
    if (*week && request->window_days() != 0) {
      return FinishNow(
          context, InvalidField("week", "BAD_WEEK", "give either a week or the days of a window"));
    }
    const PageTokens tokens(
        engine_.store().Secret(),
        Cat("metric\n", request->parent(), "\n", request->channel(), "\n",
            static_cast<int>(request->fulfillment()), "\n", static_cast<int>(request->kind()), "\n",
            request->window_days(), "\n", request->week(), "\n", static_cast<int>(*cases), "\n",
            request->category()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    return RunQuery(
        context, engine_, response,
        [=, listed = *std::move(listed), cases = *cases, week = *week,
         position = *std::move(position)](
            store::Reader& reader) -> absl::StatusOr<v1::ListMetricOrdersResponse> {
          engine::ChannelCache channels;
          const engine::ChannelInfo* info = channels.Find(reader, request->channel());
          if (info == nullptr) return NotFound(request->channel());
          const engine::MetricWindow window =
              week ? engine::WeekOf(*info, request->kind(), *week, now)
                   : engine::WindowOf(*info, request->kind(), request->window_days(), now);
          if (window.policy == nullptr) {
            return InvalidField("window_days", "UNKNOWN_WINDOW",
                                "the policy has no such window for the metric; see GetDashboard");
          }
          std::optional<std::pair<int32_t, std::string>> after;
          if (position.size() == 2) {
            int32_t day = 0;
            (void)absl::SimpleAtoi(position[0], &day);
            after.emplace(day, position[1]);
          }
          auto rows = reader.ListMetric(
              listed.seller,
              {listed.channel_id, request->fulfillment(), request->kind(), cases,
               request->category(), calendar::DayNumber(window.first),
               calendar::DayNumber(window.last), calendar::DayNumber(window.last_answered),
               absl::ToUnixMicros(now)},
              after, listed.size + 1);
          v1::ListMetricOrdersResponse page;
          if (static_cast<int>(rows.size()) > listed.size) {
            rows.resize(listed.size);
            page.set_next_page_token(tokens.Make({Cat(rows.back().day), rows.back().id}));
          }
          for (const store::MetricRow& row : rows) {
            auto out = CaseOf(row, request->kind(), cases);
            if (!out.ok()) return out.status();
            *page.add_orders() = *std::move(out);
          }
          return page;
        });
  }

  grpc::ServerUnaryReactor* ListMetricChanges(grpc::CallbackServerContext* context,
                                              const v1::ListMetricChangesRequest* request,
                                              v1::ListMetricChangesResponse* response) override {
    auto listed = ListedOf(*request);
    if (!listed.ok()) return FinishNow(context, listed.status());
    const PageTokens tokens(engine_.store().Secret(),
                            Cat("metric changes\n", request->parent(), "\n", request->channel()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    int64_t before = INT64_MAX;
    if (!position->empty()) (void)absl::SimpleAtoi(position->front(), &before);
    return RunQuery(context, engine_, response,
                    [=, listed = *std::move(listed)](
                        store::Reader& reader) -> absl::StatusOr<v1::ListMetricChangesResponse> {
                      engine::ChannelCache channels;
                      if (channels.Find(reader, request->channel()) == nullptr) {
                        return NotFound(request->channel());
                      }
                      auto rows = reader.MetricChanges(listed.seller, listed.channel_id, before,
                                                       listed.size + 1);
                      v1::ListMetricChangesResponse page;
                      if (static_cast<int>(rows.size()) > listed.size) {
                        rows.resize(static_cast<size_t>(listed.size));
                        page.set_next_page_token(tokens.Make({Cat(rows.back().first)}));
                      }
                      for (auto& [seq, event] : rows) {
                        *page.add_changes() =
                            std::move(*event.mutable_metric_changed()->mutable_change());
                      }
                      return page;
                    });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeMetricsService(engine::Engine& engine) {
  return std::make_unique<MetricsService>(engine);
}

}  // namespace aftersales::api
