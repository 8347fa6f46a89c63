// Dates and deadlines of marketplaces, whatever zone the server's own clock is in.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using TimeZoneTest = HostTest;

std::string Text(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

TEST_F(TimeZoneTest, FortyEightHoursOverTheChangeOfTheClocks) {
  struct Case {
    const char* channel;
    const char* opened;
    const char* due;
  };
  int number = 0;
  for (const Case& c : {Case{"us", "2026-03-08T04:30:00Z", "2026-03-10T04:30:00Z"},
                        Case{"de", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"},
                        Case{"de", "2026-10-24T10:00:00Z", "2026-10-26T10:00:00Z"},
                        Case{"us", "2026-10-31T20:00:00Z", "2026-11-02T20:00:00Z"}}) {
    clock().Set(At(c.opened));
    const v1::Return state =
        Create(Put(OrderOf(c.channel, "order-" + std::to_string(++number), {{"A", 1, 1000, 0}})),
               v1::RETURN_REASON_DEFECTIVE);
    EXPECT_EQ(Text(FindDeadline(state, v1::Deadline::KIND_RETURN_RESPONSE)->due_at()), c.due);
  }
}

TEST_F(TimeZoneTest, AnswerAtTheLastInstantIsInTime) {
  for (const bool late : {false, true}) {
    clock().Set(At("2026-10-24T10:00:00Z"));
    v1::Return state = Create(Put(OrderOf("de", late ? "late" : "in-time", {{"A", 1, 1000, 0}})),
                              v1::RETURN_REASON_DEFECTIVE);
    Advance(absl::Hours(48));
    EXPECT_EQ(FindDeadline(Get(state), v1::Deadline::KIND_RETURN_RESPONSE)->state(),
              v1::Deadline::STATE_RUNNING);
    if (late) {
      Advance(absl::Seconds(1));
      EXPECT_EQ(FindDeadline(Get(state), v1::Deadline::KIND_RETURN_RESPONSE)->state(),
                v1::Deadline::STATE_BREACHED);
      EXPECT_TRUE(WorkItems("kind = RETURN_RESPONSE")[0].overdue());
    }
    state = Approve(state);
    EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_RETURN_RESPONSE)->state(),
              late ? v1::Deadline::STATE_MET_LATE : v1::Deadline::STATE_MET);
  }
}

TEST_F(TimeZoneTest, ReturnWindowEndsWithALocalDay) {
  struct Case {
    const char* channel;
    const char* delivered;
    const char* closes;  // first instant outside
  };
  int number = 0;
  for (const Case& c : {Case{"jp", "2026-06-01T14:30:00Z", "2026-07-01T15:00:00Z"},
                        Case{"jp", "2026-06-01T15:30:00Z", "2026-07-02T15:00:00Z"},
                        // The night in which the clocks change in Los Angeles, and in Berlin.
                        Case{"us", "2026-02-08T09:00:00Z", "2026-03-11T07:00:00Z"},
                        Case{"de", "2026-02-27T23:30:00Z", "2026-03-30T22:00:00Z"}}) {
    for (const bool inside : {true, false}) {
      clock().Set(At(c.closes) - (inside ? absl::Seconds(1) : absl::ZeroDuration()));
      v1::Order order =
          OrderOf(c.channel, "order-" + std::to_string(++number), {{"A", 1, 1000, 0}});
      *order.mutable_delivered_at() = Stamp(At(c.delivered));
      const v1::Return state = Create(Put(order), v1::RETURN_REASON_NO_LONGER_NEEDED);
      EXPECT_EQ(state.validity().in_policy(), inside) << c.channel << " " << c.delivered;
    }
  }
}

TEST_F(TimeZoneTest, RefundIsDueAtTheEndOfALocalBusinessDay) {
  // Friday before Memorial Day; 22:30 in Los Angeles is Saturday by UTC.
  clock().Set(At("2026-05-20T12:00:00Z"));
  const v1::Return state = Approve(
      Create(Put(OrderOf("us", "friday", {{"A", 1, 1000, 0}})), v1::RETURN_REASON_DEFECTIVE));
  clock().Set(At("2026-05-23T05:30:00Z"));
  Scan(state, v1::TrackingEvent::MILESTONE_DELIVERED);
  const v1::Return delivered = Get(state);
  EXPECT_EQ(Text(FindDeadline(delivered, v1::Deadline::KIND_RECEIPT)->due_at()),
            "2026-05-27T06:59:59Z");
  EXPECT_EQ(Text(FindDeadline(delivered, v1::Deadline::KIND_REFUND)->due_at()),
            "2026-05-28T06:59:59Z");
}

TEST_F(TimeZoneTest, WindowOfSixtyDaysHasSixtyLocalDates) {
  // In the evening of the 10th in Los Angeles, after the change of the clocks on the 8th.
  clock().Set(At("2026-03-11T03:00:00Z"));
  const auto put = [&](std::string_view id, std::string_view placed) {
    v1::Order order = OrderOf("us", id, {{"A", 1, 1000, 0}});
    *order.mutable_placed_at() = Stamp(At(placed));
    Put(order);
  };
  put("first-day", "2026-01-10T08:00:00Z");   // 00:00 on 2026-01-10
  put("day-before", "2026-01-10T07:59:59Z");  // 23:59:59 on 2026-01-09
  put("last-day", "2026-03-11T02:00:00Z");    // 19:00 on 2026-03-10
  v1::GetDashboardRequest request;
  request.set_parent(kSeller);
  const auto dashboard = api().Call(&Metrics::GetDashboard, request);
  ASSERT_TRUE(dashboard.ok()) << dashboard.status.error_message();
  bool found = false;
  for (const v1::Metric& metric : dashboard->metrics()) {
    if (metric.channel() != "sellers/acme/channels/us") continue;
    if (metric.kind() != v1::Metric::KIND_ODR) continue;
    if (metric.fulfillment() != v1::FULFILLMENT_MFN) continue;
    found = true;
    EXPECT_EQ(metric.window_start(), "2026-01-10");
    EXPECT_EQ(metric.window_end(), "2026-03-10");
    EXPECT_EQ(metric.value().denominator(), 2);
  }
  EXPECT_TRUE(found);
}

// Sunday the third of January is of week 53 of the year before, and ends in Tokyo when it begins
// in Los Angeles.
TEST_F(TimeZoneTest, WeekIsOfTheYearOfItsThursdayAtTheMarketplace) {
  clock().Set(At("2027-01-12T12:00:00Z"));
  const auto put = [&](std::string_view channel, std::string_view id, std::string_view placed,
                       bool defective) {
    v1::Order order = OrderOf(channel, id, {{"A", 1, 1000, 0}});
    *order.mutable_placed_at() = Stamp(At(placed));
    *order.mutable_expected_ship_by() = Stamp(At(placed) + absl::Hours(48));
    *order.mutable_ship_confirmed_at() = Stamp(At(placed) + absl::Hours(24));
    *order.mutable_delivered_at() = Stamp(At(placed) + absl::Hours(72));
    if (defective) {
      v1::Defect* defect = order.add_defects();
      defect->set_kind(v1::Defect::KIND_FEEDBACK);
      defect->set_rating(1);
      defect->set_outcome(v1::Defect::OUTCOME_OPEN);
    }
    Put(order);
  };
  put("us", "us-52", "2026-12-28T07:59:59Z", false);  // Sunday 23:59:59 in Los Angeles
  put("us", "us-53", "2026-12-28T08:00:00Z", true);   // Monday 00:00
  put("us", "us-53-end", "2027-01-04T07:59:59Z", false);
  put("us", "us-01", "2027-01-04T08:00:00Z", false);
  put("jp", "jp-52", "2026-12-27T14:59:59Z", false);  // Sunday 23:59:59 in Tokyo
  put("jp", "jp-53", "2026-12-27T15:00:00Z", false);
  put("jp", "jp-53-end", "2027-01-03T14:59:59Z", true);
  put("jp", "jp-01", "2027-01-03T15:00:00Z", false);

  struct Case {
    const char* week;
    const char* channel;
    const char* first;
    const char* last;
    int orders;
    int defective;
    std::vector<std::string> ids;  // newest first
  };
  for (const Case& c :
       {Case{"2026-W52", "us", "2026-12-21", "2026-12-27", 1, 0, {"us-52"}},
        Case{"2026-W53", "us", "2026-12-28", "2027-01-03", 2, 1, {"us-53-end", "us-53"}},
        Case{"2027-W01", "us", "2027-01-04", "2027-01-10", 1, 0, {"us-01"}},
        Case{"2027-W02", "us", "2027-01-11", "2027-01-17", 0, 0, {}},
        Case{"2026-W52", "jp", "2026-12-21", "2026-12-27", 1, 0, {"jp-52"}},
        Case{"2026-W53", "jp", "2026-12-28", "2027-01-03", 2, 1, {"jp-53-end", "jp-53"}},
        Case{"2027-W01", "jp", "2027-01-04", "2027-01-10", 1, 0, {"jp-01"}}}) {
    const std::string channel = std::string(kSeller) + "/channels/" + c.channel;
    v1::GetDashboardRequest request;
    request.set_parent(kSeller);
    request.set_week(c.week);
    const auto dashboard = api().Call(&Metrics::GetDashboard, request);
    ASSERT_TRUE(dashboard.ok()) << dashboard.status.error_message();
    int figures = 0;
    for (const v1::Metric& metric : dashboard->metrics()) {
      if (metric.channel() != channel || metric.kind() != v1::Metric::KIND_ODR) continue;
      ++figures;
      EXPECT_EQ(metric.window_start(), c.first);
      EXPECT_EQ(metric.window_end(), c.last);
      EXPECT_EQ(metric.value().denominator(), c.orders) << c.week << c.channel;
      EXPECT_EQ(metric.value().numerator(), c.defective) << c.week << c.channel;
      EXPECT_FALSE(metric.has_threshold());
      EXPECT_EQ(metric.status(), v1::Metric::STATUS_UNSPECIFIED);
    }
    EXPECT_EQ(figures, 1);
    v1::ListMetricOrdersRequest list;
    list.set_parent(kSeller);
    list.set_channel(channel);
    list.set_fulfillment(v1::FULFILLMENT_MFN);
    list.set_kind(v1::Metric::KIND_ODR);
    list.set_week(c.week);
    list.set_cases(v1::ListMetricOrdersRequest::CASES_DENOMINATOR);
    const auto cases = api().Call(&Metrics::ListMetricOrders, list);
    ASSERT_TRUE(cases.ok()) << cases.status.error_message();
    std::vector<std::string> ids;
    for (const v1::MetricOrder& order : cases->orders()) ids.push_back(order.order_external_id());
    EXPECT_EQ(ids, c.ids) << c.week;
  }
}

TEST_F(TimeZoneTest, WeeksThatThereAreNot) {
  clock().Set(At("2027-01-12T12:00:00Z"));
  for (const char* week : {"2026-W54", "2027-W53", "2026-53", "last", "2027-W03"}) {
    v1::GetDashboardRequest request;
    request.set_parent(kSeller);
    request.set_week(week);
    EXPECT_EQ(api().Call(&Metrics::GetDashboard, request).reason(), "BAD_WEEK") << week;
    v1::ListMetricOrdersRequest list;
    list.set_parent(kSeller);
    list.set_channel(std::string(kSeller) + "/channels/us");
    list.set_fulfillment(v1::FULFILLMENT_MFN);
    list.set_kind(v1::Metric::KIND_ODR);
    list.set_week(week);
    EXPECT_EQ(api().Call(&Metrics::ListMetricOrders, list).reason(), "BAD_WEEK") << week;
  }
}

}  // namespace
}  // namespace aftersales::e2e
