// `aftersales demo`: a host with sample data, walked through by the program's own commands.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "aftersales/v1/event_service.grpc.pb.h"
#include "aftersales/v1/refund_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "aftersales/v1/shipment_service.grpc.pb.h"
#include "core/domain/money.h"
#include "core/host/cli/command.h"
#include "core/host/cli/logging.h"
#include "core/host/cli/places.h"
#include "core/host/cli/references.h"
#include "core/host/cli/serve_options.h"
#include "core/host/cli/signals.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/host/host.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

namespace fs = std::filesystem;

// The sample files tell of the days before this instant.
constexpr std::string_view kNow = "2026-03-10T17:00:00Z";
constexpr std::string_view kSeller = "acme";
// The order whose return is walked through.
constexpr std::string_view kWalkedOrder = "113-6270000-6280000";
constexpr int kFirstPort = 50151;
constexpr int kPortsTried = 50;
constexpr absl::Duration kEffectsMax = absl::Seconds(30);  // a sanitized build is slow
constexpr absl::Duration kDrain = absl::Seconds(5);

struct DemoOptions {
  fs::path data_directory;
  fs::path files;
  std::string listen;
  bool once = false;
};

// A directory that goes away with the demo.
class TemporaryDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryDirectory>> Make() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "aftersales-demo.XXXXXX").string();
    if (error || mkdtemp(pattern.data()) == nullptr) {
      return absl::FailedPreconditionError(
          Cat("cannot make a directory like ", pattern, "; name one with --data-dir"));
    }
    return std::unique_ptr<TemporaryDirectory>(new TemporaryDirectory(pattern));
  }
  ~TemporaryDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}

  fs::path path_;
};

Connection DemoConnection(const std::string& address) {
  Connection connection;
  connection.address = address;
  connection.seller = kSeller;
  return connection;
}

// Whether nobody listens at a loopback port. gRPC binds with SO_REUSEPORT, so that a second host
// at the same port would not fail but share its calls.
bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int yes = 1;  // a port that was used a minute ago is free
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

absl::StatusOr<std::string> ListenAddress(const DemoOptions& options) {
  if (!options.listen.empty()) {
    if (absl::Status status = CheckLoopback(options.listen); !status.ok()) return status;
    return options.listen;
  }
  for (int port = kFirstPort; port < kFirstPort + kPortsTried; ++port) {
    if (IsFree(port)) return Cat("127.0.0.1:", port);
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "NO_FREE_PORT",
                Cat("ports ", kFirstPort, " to ", kFirstPort + kPortsTried - 1,
                    " are all in use; name another with --listen 127.0.0.1:PORT"));
}

// The demo's own steps. Everything that is shown is a command of this program, run through gRPC
// like any client's.
class Tour {
 public:
  Tour(const Terminal& terminal, std::string address, fs::path files, fs::path data)
      // Refusals belong to the story, so both streams go to one.
      : terminal_{terminal.out, terminal.out, terminal.color, false, 100},
        address_(std::move(address)),
        files_(std::move(files)),
        data_(std::move(data)),
        session_(terminal_, DemoConnection(address_)) {}

  absl::Status Run() {
    Intro();
    for (auto step : {&Tour::Bind, &Tour::Import, &Tour::Queue, &Tour::Track, &Tour::Walk,
                      &Tour::Mirrored, &Tour::Metrics, &Tour::Erp}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void GoOn(bool once, bool temporary) {
    Heading("7. How to go on");
    const bool usual = address_ == "127.0.0.1:50151";
    if (once) {
      Say(Cat("This host listened at ", address_,
              " and stops now. Run `aftersales demo` without --once to keep it:"));
    } else {
      Say(Cat("The host listens at ", address_, " until Ctrl-C, its clock stands at ", kNow,
              ". In another terminal:"));
    }
    terminal_.out << "  export AFTERSALES_SELLER=" << kSeller << '\n';
    if (!usual && !once) terminal_.out << "  export AFTERSALES_ADDRESS=" << address_ << '\n';
    terminal_.out << "  aftersales queue --steps\n"
                     "  aftersales returns list --status requested\n"
                     "  aftersales watch --since start\n";
    Say("It answers any gRPC client, and reflection tells what there is:");
    terminal_.out << "  grpcurl -plaintext " << address_ << " list\n"
                  << "  grpcurl -plaintext -d '{\"parent\": \"sellers/" << kSeller << "\"}' \\\n"
                  << "    " << address_ << " aftersales.v1.QueueService/ListWorkItems\n";
    if (once && temporary) {
      Say("The data directory was temporary and is removed.");
    } else {
      Say(Cat("Data: ", data_.string(), temporary ? " (removed at the end)" : ""));
    }
    terminal_.out << std::flush;
  }

 private:
  void Heading(std::string_view text) {
    terminal_.out << '\n' << terminal_.Paint(text, Style::kHeading) << '\n';
  }

  void Say(std::string_view text) { PrintParagraph(terminal_, text); }

  // Runs a command as a person would type it. `shown` replaces its text where paths would make it
  // long. Fails unless it ends with `expected` (or with `or_else`).
  absl::Status Do(std::vector<std::string> arguments, int expected = kExitOk,
                  std::string_view shown = "", int or_else = kExitOk) {
    const std::string text =
        shown.empty()
            ? absl::StrJoin(arguments, " ",
                            [](std::string* out, const std::string& a) {
                              const bool quote = a.find_first_of(" '\"") != std::string::npos;
                              *out += Cat(quote ? "'" : "", a, quote ? "'" : "");
                            })
            : std::string(shown);
    // A line that is too long goes on as a shell would take it.
    std::string_view start = "$ ";
    std::vector<std::string> lines = Wrap(Cat("aftersales ", text), terminal_.width - 6);
    for (size_t i = 0; i < lines.size(); ++i) {
      terminal_.out << terminal_.Paint(Cat(start, lines[i], i + 1 < lines.size() ? " \\" : ""),
                                       Style::kFaint)
                    << '\n';
      start = "    ";
    }
    if (arguments.front() != "track" && arguments.front() != "plugins") {
      arguments.push_back(Cat("--seller=", kSeller));
    }
    arguments.push_back(Cat("--address=", address_));
    const int code = RunProgram(std::move(arguments), terminal_);
    if (code == expected || code == or_else) return absl::OkStatus();
    return absl::InternalError(Cat("the demo stops: `aftersales ", text, "` ended with ", code));
  }

  void Intro() {
    terminal_.out << terminal_.Paint("Aftersales demo", Style::kHeading) << '\n';
    Say(Cat("One seller, two channels, sample report files of Amazon. The clock stands at ", kNow,
            " so that every run prints the same. Lines that begin with $ are "
            "commands that you can type yourself, in the folder of the samples."));
  }

  absl::Status Bind() {
    terminal_.out << '\n';
    if (absl::Status status = Do({"channels", "bind", "amazon-us", "--marketplace", "ATVPDKIKX0DER",
                                  "--erp", "files", "--return-address", "dallas:US"});
        !status.ok()) {
      return status;
    }
    return Do({"channels", "bind", "amazon-jp", "--marketplace", "A1VC38T7YXB528", "--erp", "files",
               "--return-address", "osaka:JP"});
  }

  absl::Status Import() {
    Heading("1. What was imported");
    if (absl::Status status =
            ImportInto("amazon-us", {"us/all-orders.txt", "us/actionable-orders.txt",
                                     "us/shipping-confirmation.txt", "us/mfn-returns.txt",
                                     "us/fba-returns.txt", "us/seller-performance.json"});
        !status.ok()) {
      return status;
    }
    if (absl::Status status = ImportInto("amazon-jp", {"jp/all-orders.txt", "jp/mfn-returns.txt"});
        !status.ok()) {
      return status;
    }
    return WaitForClock();
  }

  // Whether the clock has called what was due before it began, which takes it a moment: what it
  // says are facts like any other, and without waiting their place in the log would be chance.
  static bool ClockIsDone(const v1::Return& state, absl::Time now) {
    const auto past = [now](const google::protobuf::Timestamp& at) {
      return at.seconds() < absl::ToUnixSeconds(now);
    };
    return std::none_of(state.deadlines().begin(), state.deadlines().end(),
                        [&](const v1::Deadline& deadline) {
                          if (deadline.state() != v1::Deadline::STATE_RUNNING &&
                              deadline.state() != v1::Deadline::STATE_BREACHED) {
                            return false;
                          }
                          const bool ends = deadline.kind() == v1::Deadline::KIND_RETURN_BY ||
                                            deadline.kind() == v1::Deadline::KIND_AUTO_CLOSE ||
                                            deadline.kind() == v1::Deadline::KIND_PARCEL_SCAN ||
                                            deadline.kind() == v1::Deadline::KIND_LABEL_EXPIRY;
                          return (deadline.has_alert_at() && past(deadline.alert_at())) ||
                                 (ends && past(deadline.due_at()));
                        });
  }

  absl::Status WaitForClock() {
    absl::Time now;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, View(kNow), &now, &error)) {
      return absl::InternalError(error);
    }
    v1::ListReturnsRequest request;
    request.set_parent(Cat("sellers/", kSeller));
    const absl::Time until = absl::Now() + kEffectsMax;
    while (absl::Now() < until) {
      bool more = false;
      bool done = true;
      absl::Status status = session_.client.Pages(
          &v1::ReturnService::Stub::ListReturns, request, 0,
          [&](const v1::ListReturnsResponse& page) {
            for (const v1::Return& state : page.returns()) done = done && ClockIsDone(state, now);
            return page.returns_size();
          },
          &more);
      if (!status.ok() || done) return status;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return absl::DeadlineExceededError("the clock did not come round in time");
  }

  // Shown as typed in the folder of the sample files, whose own name may be long.
  absl::Status ImportInto(const std::string& channel, const std::vector<std::string>& files) {
    std::vector<std::string> arguments = {"import", "--channel", channel};
    for (const std::string& file : files) arguments.push_back((files_ / file).string());
    return Do(std::move(arguments), kExitOk,
              Cat("import ", absl::StrJoin(files, " "), " --channel ", channel), kExitSkippedRows);
  }

  absl::Status Queue() {
    Heading("2. The work queue: every open deadline, the most urgent first");
    return Do({"queue"});
  }

  absl::Status Track() {
    Heading("3. Tracking numbers, judged by the carriers' rules");
    Say("Not scanned by the carrier yet (right numbers, and one wrong digit in each):");
    if (absl::Status status = Do({"track", "LK123456785CN", "LK123456784CN", "GM295325470000000001",
                                  "1234567891", "1234567894"});
        !status.ok()) {
      return status;
    }
    Say("The same right numbers after a first scan:");
    if (absl::Status status =
            Do({"track", "LK123456785CN", "GM295325470000000001", "1234567891", "--scans", "1"});
        !status.ok()) {
      return status;
    }
    const absl::StatusOr<int> scanned = ReportScans();
    if (!scanned.ok()) return scanned.status();
    Say(Cat(
        "Amazon's reports hold no scans; those come from carriers. The demo reports a first scan "
        "of ",
        *scanned,
        " parcels that were shipped before 7 March, by "
        "ShipmentService.UpsertShipment. These do not count as valid tracking:"));
    if (absl::Status status = Do({"shipments", "list", "--verdict", "unscanned"}); !status.ok()) {
      return status;
    }
    return Do({"shipments", "list", "--verdict", "invalid"});
  }

  // What a carrier's feed would tell: each parcel with a right number was scanned a day after it
  // was shipped, but for the latest ones.
  absl::StatusOr<int> ReportScans() {
    constexpr int64_t kBefore = 1772841600;  // 2026-03-07T00:00:00Z
    constexpr int64_t kDaySeconds = 86400;
    v1::ListShipmentsRequest request;
    request.set_parent(Cat("sellers/", kSeller));
    request.set_filter("validity = UNSCANNED");
    std::vector<v1::Shipment> parcels;
    bool more = false;
    absl::Status status = session_.client.Pages(
        &v1::ShipmentService::Stub::ListShipments, request, 0,
        [&](const v1::ListShipmentsResponse& page) {
          for (const v1::Shipment& shipment : page.shipments()) {
            if (shipment.shipped_at().seconds() < kBefore) parcels.push_back(shipment);
          }
          return page.shipments_size();
        },
        &more);
    for (const v1::Shipment& parcel : parcels) {
      if (!status.ok()) return status;
      v1::UpsertShipmentRequest upsert;
      upsert.set_parent(request.parent());
      *upsert.mutable_shipment() = parcel;
      upsert.mutable_shipment()->clear_verdict();
      v1::TrackingEvent* scan = upsert.mutable_shipment()->add_events();
      scan->set_milestone(v1::TrackingEvent::MILESTONE_IN_TRANSIT);
      scan->mutable_occurred_at()->set_seconds(parcel.shipped_at().seconds() + kDaySeconds);
      v1::Shipment stored;
      status = session_.client.Mutate(&v1::ShipmentService::Stub::UpsertShipment, upsert, &stored);
    }
    if (!status.ok()) return status;
    return static_cast<int>(parcels.size());
  }

  absl::Status Walk() {
    Heading("4. A return, from the request to the money");
    const std::string order(kWalkedOrder);
    const absl::StatusOr<v1::Return> found = FindReturn(session_, order);
    if (!found.ok()) return found.status();
    if (absl::Status status = Do({"returns", "show", order}); !status.ok()) return status;
    if (absl::Status status = Do({"returns", "approve", order}); !status.ok()) return status;
    if (absl::Status status = WaitForManualAction(found->name()); !status.ok()) return status;
    Say("Amazon has no API for this decision. The host shows a person what to do there, and sees "
        "it "
        "done in the next report:");
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"queue", "--kind", "manual-action", "--steps"},
             {"returns", "label", order, "--carrier", "dhl", "--tracking", "1234567891"},
             {"returns", "receive", order, "--location", "dallas"},
             {"returns", "inspect", order, "--condition", "carrier-damaged"},
             {"refunds", "quote", order}}) {
      if (absl::Status status = Do(command); !status.ok()) return status;
    }

    v1::QuoteRefundRequest quote_request;
    quote_request.set_parent(Cat("sellers/", kSeller));
    quote_request.mutable_spec()->set_return_name(found->name());
    v1::RefundQuote quote;
    if (absl::Status status =
            session_.client.Call(&v1::RefundService::Stub::QuoteRefund, quote_request, &quote);
        !status.ok()) {
      return status;
    }
    std::string total = FormatMoney(quote.total());
    total.erase(std::remove(total.begin(), total.end(), ' '), total.end());
    if (absl::Status status = Do({"refunds", "issue", order, "--expect", total}); !status.ok()) {
      return status;
    }
    const absl::StatusOr<v1::Refund> refund = WaitForPerson(found->name());
    if (!refund.ok()) return refund.status();
    Say("Amazon has no API for refunds of seller-fulfilled orders either. The person who has paid "
        "it "
        "says so, with proof:");
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"refunds", "settle", std::string(IdOf(refund->name())), "--paid", "--proof",
              "Seller Central, refund of 10 March"},
             {"returns", "show", order}}) {
      if (absl::Status status = Do(command); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Waits until the marketplace plugin has said that a person has to repeat the decision there.
  // Its answer is a fact like any other: without waiting, its place in the log would be chance.
  absl::Status WaitForManualAction(const std::string& return_name) {
    v1::ListEventsRequest request;
    request.set_parent(Cat("sellers/", kSeller));
    request.set_page_size(1000);
    request.set_filter(Cat("subject = \"", return_name, "\""));
    const absl::Time until = absl::Now() + kEffectsMax;
    while (absl::Now() < until) {
      v1::ListEventsResponse response;
      if (absl::Status status =
              session_.client.Call(&v1::EventService::Stub::ListEvents, request, &response);
          !status.ok()) {
        return status;
      }
      for (const v1::Event& event : response.events()) {
        if (event.has_manual_action_changed()) return absl::OkStatus();
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return absl::DeadlineExceededError("the marketplace plugin did not take the decision in time");
  }

  // The refund of a return, once the marketplace plugin has said that a person has to pay it.
  absl::StatusOr<v1::Refund> WaitForPerson(const std::string& return_name) {
    v1::ListRefundsRequest request;
    request.set_parent(Cat("sellers/", kSeller));
    request.set_filter(Cat("return_name = \"", return_name, "\""));
    const absl::Time until = absl::Now() + kEffectsMax;
    while (absl::Now() < until) {
      v1::ListRefundsResponse response;
      if (absl::Status status =
              session_.client.Call(&v1::RefundService::Stub::ListRefunds, request, &response);
          !status.ok()) {
        return status;
      }
      for (const v1::Refund& refund : response.refunds()) {
        if (refund.has_manual_action()) return refund;
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return absl::DeadlineExceededError("the marketplace plugin did not take the refund in time");
  }

  absl::Status Mirrored() {
    terminal_.out << '\n';
    Say("A return of an order that Amazon fulfils (FBA) is Amazon's to decide. The host mirrors it "
        "and refuses to approve it:");
    v1::ListReturnsRequest request;
    request.set_parent(Cat("sellers/", kSeller));
    std::string mirrored;
    bool more = false;
    const absl::Status status = session_.client.Pages(
        &v1::ReturnService::Stub::ListReturns, request, 0,
        [&](const v1::ListReturnsResponse& page) {
          for (const v1::Return& value : page.returns()) {
            // The smallest id: the same one in every run, however the list is sorted.
            if (value.platform_managed() && (mirrored.empty() || value.name() < mirrored)) {
              mirrored = value.name();
            }
          }
          return page.returns_size();
        },
        &more);
    if (!status.ok()) return status;
    if (mirrored.empty()) return absl::NotFoundError("the sample files hold no FBA return");
    const std::string id(IdOf(mirrored));
    if (absl::Status shown = Do({"returns", "show", id}); !shown.ok()) return shown;
    return Do({"returns", "approve", id}, kExitRefused);
  }

  absl::Status Metrics() {
    Heading("5. Account health, by channel and by who ships");
    return Do({"metrics"});
  }

  // Shows the first lines of what the ERP plugin has written, once it has written everything.
  absl::Status Erp() {
    Heading("6. What the ERP plugin wrote");
    const fs::path folder = data_ / "plugins" / "files";
    const absl::StatusOr<int64_t> expected = ChangeCount();
    if (!expected.ok()) return expected.status();
    Say(
        Cat("Every change of a return or refund, once, in plugins/files/ of the data "
            "directory: ",
            *expected, " changes."));
    std::vector<fs::path> files;
    const absl::Time until = absl::Now() + kEffectsMax;
    while (true) {
      files.clear();
      int64_t least = 0;  // changes in the file that has fewest
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string kind = entry.path().extension().string();
        if (kind != ".jsonl" && kind != ".csv") continue;
        const int64_t changes = LineCount(entry.path()) - (kind == ".csv" ? 1 : 0);
        least = files.empty() ? changes : std::min(least, changes);
        files.push_back(entry.path());
      }
      if (!files.empty() && least >= *expected) break;
      if (absl::Now() > until) {
        return absl::DeadlineExceededError(Cat("the ERP plugin has written ", least, " of ",
                                               *expected, " changes to ", folder.string()));
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return ShowLog(folder);
  }

  // The changes of the walked order as a table, then the last line of each file as it is.
  absl::Status ShowLog(const fs::path& folder) {
    Table table({{"changes.jsonl: EVENT"}, {"STATUS"}, {"ABOUT"}, {"AMOUNT", Table::Align::kRight}},
                2);
    std::ifstream log(folder / "changes.jsonl");
    std::string last;
    for (std::string line; std::getline(log, line); last = line) {
      const auto change = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!change.is_object() || change.value("order_id", "") != kWalkedOrder) continue;
      v1::Money amount;
      if (change.contains("amount") && change["amount"].is_object()) {
        amount.set_minor_units(change["amount"].value("minor_units", int64_t{0}));
        amount.set_currency_code(change["amount"].value("currency_code", ""));
      }
      table.Add({change.value("event", ""), change.value("status", ""),
                 std::string(IdOf(change.value("subject", ""))),
                 amount.currency_code().empty() ? "" : FormatMoney(amount)});
    }
    if (table.empty()) {
      return absl::InternalError(Cat("changes.jsonl holds nothing about order ", kWalkedOrder));
    }
    table.Print(terminal_);
    std::ifstream csv(folder / "changes.csv");
    std::string header;
    std::getline(csv, header);
    std::string row;
    for (std::string line; std::getline(csv, line);) row = line;
    Say("changes.csv, its header and its last row:");
    PrintParagraph(terminal_, header, "  ");
    PrintParagraph(terminal_, row, "  ");
    return absl::OkStatus();
  }

  // How many changes of returns and refunds the log holds: what an ERP has to be told.
  absl::StatusOr<int64_t> ChangeCount() {
    v1::ListEventsRequest request;
    request.set_parent(Cat("sellers/", kSeller));
    int64_t count = 0;
    bool more = false;
    const absl::Status status = session_.client.Pages(
        &v1::EventService::Stub::ListEvents, request, 0,
        [&](const v1::ListEventsResponse& page) {
          for (const v1::Event& event : page.events()) {
            count += absl::StrContains(event.subject(), "/returns/") ||
                             absl::StrContains(event.subject(), "/refunds/")
                         ? 1
                         : 0;
          }
          return page.events_size();
        },
        &more);
    if (!status.ok()) return status;
    return count;
  }

  static int64_t LineCount(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return std::count(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>(),
                      '\n');
  }

  const Terminal terminal_;
  const std::string address_;
  const fs::path files_;
  const fs::path data_;
  const Session session_;
};

absl::Status CheckEmpty(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error) || fs::is_empty(directory, error)) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_EMPTY",
                Cat(directory.string(),
                    " is not empty; the demo only writes into a new "
                    "directory, so that it never touches real data"))
      .Field("--data-dir", "name a directory that does not exist yet, or leave it out");
}

absl::StatusOr<int> RunDemo(const Terminal& terminal, const DemoOptions& options) {
  const fs::path files = options.files.empty() ? DemoFilesDirectory() : options.files;
  std::error_code error;
  if (!fs::is_directory(files, error)) {
    return Refuse(absl::StatusCode::kNotFound, "NO_DEMO_FILES",
                  Cat("the sample files are not at ", files.string()))
        .Field("--files", "name the folder `examples/demo` of the sources");
  }
  std::unique_ptr<TemporaryDirectory> temporary;
  host::HostOptions host_options;
  host_options.data_directory = options.data_directory;
  if (options.data_directory.empty()) {
    absl::StatusOr<std::unique_ptr<TemporaryDirectory>> made = TemporaryDirectory::Make();
    if (!made.ok()) return made.status();
    temporary = *std::move(made);
    host_options.data_directory = temporary->path() / "data";
  } else if (absl::Status status = CheckEmpty(options.data_directory); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::string> listen = ListenAddress(options);
  if (!listen.ok()) return listen.status();
  host_options.listen = *std::move(listen);
  host_options.plugin_directories = {PluginDirectory()};
  host_options.enable_plugins = BundledPlugins();
  host_options.in_process = BundledPlugins();
  absl::Time now;
  std::string parse_error;
  if (!absl::ParseTime(absl::RFC3339_full, View(kNow), &now, &parse_error)) {
    return absl::InternalError(parse_error);
  }
  host_options.pinned_time = now;
  const fs::path data = host_options.data_directory;

  SignalWait stop;  // before the host, whose threads must leave the signals alone
  ConfigureLogging("warn", "text");
  absl::StatusOr<std::unique_ptr<host::Host>> host = host::Host::Start(std::move(host_options));
  if (!host.ok()) return host.status();
  absl::Status status;
  {
    Tour tour(terminal, (*host)->address(), files, data);
    status = tour.Run();
    if (status.ok()) tour.GoOn(options.once, temporary != nullptr);
  }
  if (status.ok() && !options.once) stop.Wait();
  (*host)->Shutdown(kDrain);
  if (!status.ok()) return status;
  return kExitOk;
}

}  // namespace

void AddDemo(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command =
      commands.Add(app, "demo", "Start a host with sample data and walk through it",
                   R"(  aftersales demo                          stays up until Ctrl-C, to be tried
  aftersales demo --once                   ends after the tour
  aftersales demo --data-dir ./demo-data   keeps the data
The clock of the demo stands still, so that every run prints the same.)");
  command->add_flag("--once", options->once, "End after the tour");
  command->add_option("--data-dir", options->data_directory, "New directory; temporary by default")
      ->option_text("DIR");
  command->add_option("--files", options->files, "Folder of the sample files")->option_text("DIR");
  command
      ->add_option("--listen", options->listen, "Address; loopback only, port 0 takes a free one")
      ->option_text("HOST:PORT (default 127.0.0.1:50151 or the next free port)");
  command->callback([&commands, options] {
    commands.chosen = [&commands, options] { return RunDemo(commands.terminal, *options); };
  });
}

}  // namespace aftersales::cli
