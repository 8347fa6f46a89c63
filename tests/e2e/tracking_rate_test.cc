// The valid tracking rate, of all parcels and by category, and what a mistyped number does to it.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class TrackingRateTest : public HostTest {
 protected:
  static constexpr char kChannel[] = "sellers/acme/channels/us";

  v1::UpsertShipmentRequest Parcel(int number, std::string_view tracking_number,
                                   std::string_view category = "") {
    v1::UpsertShipmentRequest request;
    request.set_parent(kSeller);
    v1::Shipment* shipment = request.mutable_shipment();
    shipment->set_channel(kChannel);
    shipment->set_order_external_id("113-9300000-" + std::to_string(1000000 + number));
    shipment->set_carrier("Fake");
    shipment->set_tracking_number(std::string(tracking_number));
    shipment->set_category(std::string(category));
    *shipment->mutable_shipped_at() = Stamp(At("2026-02-20T10:00:00Z"));
    return request;
  }
  static void AddScan(v1::Shipment* shipment) {
    v1::TrackingEvent* scan = shipment->add_events();
    scan->set_milestone(v1::TrackingEvent::MILESTONE_IN_TRANSIT);
    *scan->mutable_occurred_at() = Stamp(At("2026-02-21T10:00:00Z"));
  }
  v1::Shipment Store(const v1::UpsertShipmentRequest& request) {
    const auto stored = api().Call(&Shipments::UpsertShipment, request);
    EXPECT_TRUE(stored.ok()) << stored.status.error_message();
    return *stored;
  }
  v1::Metric Rate(std::string_view category = "") {
    v1::GetDashboardRequest request;
    request.set_parent(kSeller);
    const auto dashboard = api().Call(&Metrics::GetDashboard, request);
    EXPECT_TRUE(dashboard.ok()) << dashboard.status.error_message();
    for (const v1::Metric& metric : dashboard->metrics()) {
      if (metric.kind() == v1::Metric::KIND_VTR && metric.channel() == kChannel &&
          metric.category() == category) {
        return metric;
      }
    }
    ADD_FAILURE() << "no rate of `" << category << "`";
    return {};
  }
  int64_t Listed(v1::ListMetricOrdersRequest::Cases cases, std::string_view category = "") {
    v1::ListMetricOrdersRequest request;
    request.set_parent(kSeller);
    request.set_page_size(40);
    request.set_channel(kChannel);
    request.set_fulfillment(v1::FULFILLMENT_MFN);
    request.set_kind(v1::Metric::KIND_VTR);
    request.set_cases(cases);
    request.set_category(std::string(category));
    int64_t count = 0;
    do {
      const auto page = api().Call(&Metrics::ListMetricOrders, request);
      EXPECT_TRUE(page.ok()) << page.status.error_message();
      count += page->orders_size();
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return count;
  }
  std::vector<v1::MetricChange> Changes(int page_size = 1) {
    v1::ListMetricChangesRequest request;
    request.set_parent(kSeller);
    request.set_channel(kChannel);
    request.set_page_size(page_size);
    std::vector<v1::MetricChange> changes;
    do {
      const auto page = api().Call(&Metrics::ListMetricChanges, request);
      EXPECT_TRUE(page.ok()) << page.status.error_message();
      changes.insert(changes.end(), page->changes().begin(), page->changes().end());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return changes;
  }
  // 90 parcels of Electronics, of which 85 are valid, and 100 valid ones of Home. Answers one whose
  // number is a typo.
  v1::Shipment NinetyOfWhichEightyFiveAreValid() {
    v1::Shipment typo;
    for (int i = 0; i < 190; ++i) {
      const bool valid = i >= 5;
      v1::UpsertShipmentRequest request =
          Parcel(i, (valid ? "FAKE" : "FAEK") + std::to_string(i), i < 90 ? "Electronics" : "Home");
      if (valid) AddScan(request.mutable_shipment());
      const v1::Shipment stored = Store(request);
      EXPECT_EQ(stored.verdict().validity() == v1::TrackingVerdict::VALIDITY_VALID, valid);
      if (i == 0) typo = stored;
    }
    return typo;
  }
};

TEST_F(TrackingRateTest, CorrectedNumberLiftsItsCategoryOverTheThreshold) {
  const v1::Shipment typo = NinetyOfWhichEightyFiveAreValid();
  EXPECT_EQ(Rate("Electronics").percent(), "94.44%");
  EXPECT_EQ(Rate("Electronics").status(), v1::Metric::STATUS_BAD);
  EXPECT_EQ(Rate("Home").percent(), "100.00%");
  EXPECT_EQ(Rate().value().numerator(), 185);
  EXPECT_EQ(Rate().value().denominator(), 190);
  EXPECT_EQ(Rate().percent(), "97.37%");
  EXPECT_TRUE(Changes().empty()) << "nothing was corrected, and nothing crossed its threshold";

  // The right number is the same parcel; it is valid once it is scanned.
  v1::UpsertShipmentRequest right = Parcel(0, "FAKE0");
  right.mutable_shipment()->clear_shipped_at();
  right.set_replaces(typo.name());
  right.set_etag(typo.etag());
  v1::Shipment corrected = Store(right);
  EXPECT_EQ(corrected.verdict().validity(), v1::TrackingVerdict::VALIDITY_UNSCANNED);
  EXPECT_EQ(corrected.category(), "Electronics");
  EXPECT_EQ(corrected.confirmed_at().seconds(), typo.confirmed_at().seconds());
  EXPECT_EQ(Rate("Electronics").value().denominator(), 90) << "it is no parcel more";
  EXPECT_EQ(Rate("Electronics").percent(), "94.44%");
  right.clear_replaces();
  right.clear_etag();
  AddScan(right.mutable_shipment());
  corrected = Store(right);
  EXPECT_EQ(corrected.verdict().validity(), v1::TrackingVerdict::VALIDITY_VALID);

  const v1::Metric now = Rate("Electronics");
  EXPECT_EQ(now.value().numerator(), 86);
  EXPECT_EQ(now.value().denominator(), 90);
  EXPECT_EQ(now.percent(), "95.56%");
  EXPECT_EQ(now.status(), v1::Metric::STATUS_GOOD);
  EXPECT_EQ(Rate().value().numerator(), 186);
  EXPECT_EQ(Rate().percent(), "97.89%");

  // History keeps both values.
  const std::vector<v1::MetricChange> changes = Changes();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].before().percent(), "94.44%");
  EXPECT_EQ(changes[0].before().status(), v1::Metric::STATUS_BAD);
  EXPECT_EQ(changes[0].after().percent(), "95.56%");
  EXPECT_EQ(changes[0].after().status(), v1::Metric::STATUS_GOOD);
  EXPECT_EQ(changes[0].after().category(), "Electronics");
  EXPECT_EQ(changes[0].cause(), corrected.name());

  // A figure lists the parcels behind it.
  using Request = v1::ListMetricOrdersRequest;
  EXPECT_EQ(Listed(Request::CASES_NUMERATOR, "Electronics"), 86);
  EXPECT_EQ(Listed(Request::CASES_BAD, "Electronics"), 4);
  EXPECT_EQ(Listed(Request::CASES_DENOMINATOR, "Electronics"), 90);
  EXPECT_EQ(Listed(Request::CASES_NUMERATOR), 186);
  EXPECT_EQ(Listed(Request::CASES_DENOMINATOR), 190);
  RestartHost();
  EXPECT_EQ(Rate("Electronics").percent(), "95.56%");
  EXPECT_EQ(Changes().size(), 1u);
}

TEST_F(TrackingRateTest, ScannedWithTheCorrectionTheWholeRateIsKeptToo) {
  const v1::Shipment typo = NinetyOfWhichEightyFiveAreValid();
  v1::UpsertShipmentRequest right = Parcel(0, "FAKE0");
  right.set_replaces(typo.name());
  AddScan(right.mutable_shipment());
  Store(right);
  const std::vector<v1::MetricChange> changes = Changes(100);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].after().category(), "Electronics");
  EXPECT_EQ(changes[1].after().category(), "");
  EXPECT_EQ(changes[1].before().value().numerator(), 185);
  EXPECT_EQ(changes[1].after().value().numerator(), 186);
}

TEST_F(TrackingRateTest, WrongNumberStaysWrongWhateverReportShowsItAgain) {
  const v1::Shipment typo = Store(Parcel(0, "FAEK0", "Electronics"));
  const v1::Shipment other = Store(Parcel(0, "FAKE7", "Electronics"));
  v1::UpsertShipmentRequest right = Parcel(0, "FAKE0");
  right.set_replaces("sellers/acme/shipments/none");
  EXPECT_EQ(api().Call(&Shipments::UpsertShipment, right).code(), grpc::StatusCode::NOT_FOUND);
  right.set_replaces(typo.name());
  right.set_etag("\"9\"");
  EXPECT_EQ(api().Call(&Shipments::UpsertShipment, right).reason(), "VERSION_CONFLICT");
  right.clear_etag();
  v1::UpsertShipmentRequest same = right;
  same.mutable_shipment()->set_tracking_number("faek-0");
  EXPECT_EQ(api().Call(&Shipments::UpsertShipment, same).reason(), "OTHER_PARCEL");
  v1::UpsertShipmentRequest of_another = right;
  of_another.mutable_shipment()->set_order_external_id("113-9300000-2000000");
  EXPECT_EQ(api().Call(&Shipments::UpsertShipment, of_another).reason(), "OTHER_PARCEL");
  v1::UpsertShipmentRequest taken = right;
  taken.mutable_shipment()->set_tracking_number(other.tracking_number());
  EXPECT_EQ(api().Call(&Shipments::UpsertShipment, taken).reason(), "SHIPMENT_EXISTS");

  right.set_request_id("put-right-1");
  const v1::Shipment corrected = Store(right);
  EXPECT_TRUE(api().Call(&Shipments::UpsertShipment, right).replayed);
  EXPECT_EQ(Rate().value().denominator(), 2);
  // The wrong one says which is right, and counts no more, also when a report shows it again.
  v1::GetShipmentRequest get;
  get.set_name(typo.name());
  EXPECT_EQ(api().Call(&Shipments::GetShipment, get)->replaced_by(), corrected.name());
  EXPECT_EQ(Store(Parcel(0, "FAEK0", "Electronics")).name(), corrected.name());
  EXPECT_EQ(Rate().value().denominator(), 2);
  right.clear_request_id();
  right.mutable_shipment()->set_tracking_number("FAKE1");
  EXPECT_EQ(api().Call(&Shipments::UpsertShipment, right).reason(), "ALREADY_REPLACED");
}

TEST_F(TrackingRateTest, CategoryIsThatOfTheGoods) {
  v1::Order order =
      OrderOf("us", "113-9300000-1000000", {{"TV", 1, 1000, 0}, {"RADIO", 1, 500, 0}});
  for (v1::OrderLine& line : *order.mutable_lines()) line.set_category("Electronics");
  Put(order);
  EXPECT_EQ(Store(Parcel(0, "FAKE0")).category(), "Electronics");
  // Also where the parcel was there first.
  const v1::Shipment early = Store(Parcel(1, "FAKE1"));
  EXPECT_EQ(early.category(), "");
  v1::Order late = OrderOf("us", "113-9300000-1000001", {{"TV", 1, 1000, 0}});
  late.mutable_lines(0)->set_category("Electronics");
  Put(late);
  EXPECT_EQ(Rate("Electronics").value().denominator(), 2);
  // Goods of two categories are of none.
  v1::Order mixed = OrderOf("us", "113-9300000-1000002", {{"TV", 1, 1000, 0}, {"BED", 1, 500, 0}});
  mixed.mutable_lines(0)->set_category("Electronics");
  mixed.mutable_lines(1)->set_category("Home");
  Put(mixed);
  EXPECT_EQ(Store(Parcel(2, "FAKE2")).category(), "");
  EXPECT_EQ(Rate().value().denominator(), 3);
}

}  // namespace
}  // namespace aftersales::e2e
