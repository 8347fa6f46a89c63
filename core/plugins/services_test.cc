// What a plugin gets from the host, wherever it runs: http/1, secrets/1, kv/1, its settings, its
// end.
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/plugin_host_service.grpc.pb.h"
#include "core/plugins/http_client.h"
#include "core/plugins/http_recorder.h"
#include "core/plugins/http_test_server.h"
#include "core/plugins/registry.h"
#include "core/plugins/test_log.h"
#include "core/plugins/test_plugins.h"
#include "core/plugins/unix_address.h"
#include "core/status/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServicesTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
    std::string name = fs::path(::testing::TempDir()) / "services_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.data_directory = folder_ / "data";
    options_.host_version = "9.8.7";
    options_.runner = fs::path(AFTERSALES_BIN_DIR) / "aftersales";
    options_.files = {fs::path(TEST_PLUGIN_DIR) / "services_plugin.so"};
    (isolated() ? options_.isolate : options_.in_process) = {"all"};
  }
  void TearDown() override {
    registry_.reset();
    EXPECT_THAT(log_.Text(), Not(HasSubstr(kTestSecret)));
    fs::remove_all(folder_);
  }

  bool isolated() const { return std::string_view(GetParam()) == "isolated"; }
  Settings& settings() { return options_.config["services"]; }
  fs::path data() const { return options_.data_directory / "services"; }

  PluginRegistry& Load() {
    registry_.reset();
    registry_ = std::make_unique<PluginRegistry>(
        options_, [] { return absl::Now(); },
        [this](LogLevel, std::string_view plugin, std::string_view text) {
          log_.Add(Cat(plugin, ": ", text));
        });
    EXPECT_EQ(registry_->LoadAll(), absl::OkStatus());
    return *registry_;
  }
  std::string Problem() {
    Load();
    const auto listed = registry_->Get("services");
    return listed ? listed->problem() : "not listed";
  }

  // One command in, `CODE TEXT` out.
  std::string Ask(const std::string& command, absl::Duration time = absl::InfiniteDuration()) {
    if (registry_ == nullptr) Load();
    PluginHandle* plugin = registry_->Find("services");
    if (plugin == nullptr) return log_.Text();
    plugin::v1::ValidateTrackingNumbersRequest request;
    plugin::v1::ValidateTrackingNumbersResponse response;
    request.add_queries()->set_tracking_number(command);
    PluginHandle::CallOptions call;
    call.deadline = absl::Now() + time;
    const absl::Status status = plugin->Call(kValidate, request, &response, call);
    return status.ok() ? response.verdicts(0).expected() : std::string(status.ToString());
  }
  std::string Get(const std::string& url) { return Ask("http GET " + url + " 0"); }

  void Write(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::trunc) << text;
  }

  fs::path folder_;
  PluginRegistry::Options options_;
  std::unique_ptr<PluginRegistry> registry_;
  TestLog log_;
};

TEST_P(ServicesTest, SendsARequestAsItIs) {
  HttpTestServer server([](const HttpTestServer::Request&) {
    return HttpTestServer::Answer(
        "201 Created", "done", "Location: /notes/7\r\nX-Name: caf\xe9\r\nX-Two: a\r\nX-Two: b\r\n");
  });
  EXPECT_EQ(
      Ask("http POST " + server.url() +
          "/notes?a=b 5000\nX-Key: k1\nContent-Type: application/json\nX-Empty: \n\n{\"a\": 1}"),
      "0 201\ncontent-length: 4\nconnection: close\nlocation: /notes/7\nx-name: caf\xc3\xa9\n"
      "x-two: a\nx-two: b\n\ndone");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_THAT(requests[0].head,
              AllOf(StartsWith("POST /notes?a=b HTTP/1.1\r\n"), HasSubstr("\r\nX-Key: k1"),
                    HasSubstr("\r\nContent-Type: application/json"), HasSubstr("\r\nX-Empty:"),
                    HasSubstr("\r\nContent-Length: 8"),
                    HasSubstr("\r\nUser-Agent: aftersales/9.8.7"), Not(HasSubstr("Expect"))));
  EXPECT_EQ(requests[0].body, "{\"a\": 1}");
}

TEST_P(ServicesTest, EveryMethodAndAnyAnswerIsOk) {
  HttpTestServer server([](const HttpTestServer::Request& request) {
    if (absl::StartsWith(request.head, "HEAD")) {
      return std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n");
    }
    return HttpTestServer::Answer("404 Not Found", request.head.substr(0, request.head.find(' ')));
  });
  for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    const std::string answer = Ask("http " + method + " " + server.url() + "/ 0");
    EXPECT_THAT(answer, AllOf(StartsWith("0 404\n"), ::testing::EndsWith("\n\n" + method)));
  }
  EXPECT_THAT(Ask("http HEAD " + server.url() + "/ 0"), StartsWith("0 200\n"));
  EXPECT_THAT(Ask("http DELETE " + server.url() + "/ 0\n\nbody"), StartsWith("0 404\n"));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 7u);
  EXPECT_THAT(requests[1].head, HasSubstr("Content-Length: 0")) << "an empty POST";
  EXPECT_THAT(requests[0].head, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(requests[6].body, "body");
}

TEST_P(ServicesTest, FollowsNoRedirect) {
  HttpTestServer other([](const auto&) { return HttpTestServer::Answer("200 OK", "seen"); });
  HttpTestServer server([&](const auto&) {
    return HttpTestServer::Answer("302 Found", "", "Location: " + other.url() + "/\r\n");
  });
  EXPECT_THAT(Get(server.url()), AllOf(StartsWith("0 302\n"), HasSubstr(other.url())));
  EXPECT_TRUE(other.requests().empty());
}

TEST_P(ServicesTest, RefusesWhatMayNotBeSent) {
  HttpTestServer server([](const auto&) { return HttpTestServer::Answer("200 OK", ""); });
  const std::string url = server.url();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"http FETCH " + url + " 0", "3 `method` must be GET, HEAD, POST, PUT, PATCH or DELETE"},
      {"http GET ftp://127.0.0.1/ 0", "3 `url` must begin with http:// or https://"},
      {"http GET file:///etc/passwd 0", "3 `url` must begin with http:// or https://"},
      {"http GET http://me:" + std::string(kTestSecret) + "@127.0.0.1/ 0",
       "3 `url` has a name or password; send them in a header, such as Authorization"},
      {"http GET http:///path 0", "3 `url` names no server"},
      {"http GET http://[::1 0", "3 `url` is not an address"},
      {"http GET http://a\x01b/ 0", "3 `url` has a space or a control character"},
      {"http GET " + url + "/" + std::string(16 << 10, 'a') + " 0", "3 `url` has "},
      {"http GET " + url + " -1", "3 `timeout` must be above 0 and at most 5 minutes"},
      {"http GET " + url + " 300001", "3 `timeout` must be above 0 and at most 5 minutes"},
      {"http HEAD " + url + " 0\n\nbody", "3 `body` must be empty with HEAD"},
      {"http GET " + url + " 0\nA: b\nContent-Length: 5\n",
       "3 `headers[1].name` is content-length"},
      {"http GET " + url + " 0\nhOsT: other\n", "3 `headers[0].name` is host, which the host sets"},
      {"http GET " + url + " 0\nTransfer-Encoding: chunked\n", "3 `headers[0].name` is transfer"},
      {"http GET " + url + " 0\nA b: c\n", "3 `headers[0].name` is not the name of a header"},
      {"http GET " + url + " 0\nA: b\rX: c\n", "3 `headers[0].value` has a line break"},
      {"http GET " + url + " 0\nA: " + std::string(1, '\x7f') + "\n", "3 `headers[0].value` has a"},
      {"http POST " + url + " 0\n\n" + std::string((8 << 20) + 1, 'b'),
       "3 `body` has 8388609 bytes; at most 8388608 are sent"},
      {"http POST " + url + " 0\n\n" + std::string(20 << 20, 'b'), "3 `body` has 20971520 bytes"},
  };
  for (const auto& [command, answer] : cases) {
    EXPECT_THAT(Ask(command), StartsWith(answer)) << command.substr(0, 100);
  }
  std::string many = "http GET " + url + " 0\n";
  for (int i = 0; i < 101; ++i) many += "A: b\n";
  EXPECT_THAT(Ask(many), StartsWith("3 `headers` has 101 entries; at most 100 are sent"));
  EXPECT_TRUE(server.requests().empty());
  EXPECT_THAT(Ask("http POST " + url + " 0\n\n" + std::string(8 << 20, 'b')), StartsWith("0 200"));
  EXPECT_EQ(server.requests().at(0).body.size(), size_t{8} << 20);
}

TEST_P(ServicesTest, TellsWhatWasNotSentFromWhatMayHaveBeen) {
  int closed_port;
  {
    HttpTestServer gone([](const auto&) { return ""; });
    closed_port = gone.port();
  }
  EXPECT_THAT(Ask(absl::StrCat("http POST http://127.0.0.1:", closed_port, "/?key=query 0\n\nb")),
              AllOf(StartsWith(absl::StrCat("14 POST to http://127.0.0.1:", closed_port,
                                            " was not sent: ")),
                    Not(HasSubstr("query"))));
  EXPECT_THAT(Get("http://no-such-host.invalid/"), StartsWith("14 GET to http://no-such-host.inv"));

  HttpTestServer closes([](const auto&) { return ""; });
  EXPECT_THAT(Ask("http POST " + closes.url() + "/p?key=query 0\n\nb"),
              AllOf(StartsWith("2 POST to http://127.0.0.1:"), HasSubstr("may have been done"),
                    Not(HasSubstr("query"))));
  EXPECT_EQ(closes.requests().size(), 1u) << "not sent twice";
  HttpTestServer garbage([](const auto&) { return "\x16\x03 what is this\r\n\r\n"; });
  EXPECT_THAT(Get(garbage.url()), StartsWith("2 "));
  HttpTestServer cut(
      [](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"; });
  EXPECT_THAT(Get(cut.url()), StartsWith("2 "));
  HttpTestServer huge([](const auto&) {
    return HttpTestServer::Answer("200 OK", std::string((8 << 20) + 1, 'x'));
  });
  EXPECT_THAT(Get(huge.url()), AllOf(StartsWith("2 "), HasSubstr("larger than is taken (8 MiB)")));
  HttpTestServer wide([](const auto&) {
    return HttpTestServer::Answer("200 OK", "", "A: " + std::string(300 << 10, 'x') + "\r\n");
  });
  EXPECT_THAT(Get(wide.url()), StartsWith("2 "));
  HttpTestServer largest(
      [](const auto&) { return HttpTestServer::Answer("200 OK", std::string(8 << 20, 'x')); });
  EXPECT_THAT(Get(largest.url()), StartsWith("0 200\n"));
}

TEST_P(ServicesTest, EndsInTimeAndWithItsCaller) {
  std::atomic<bool> stop{false};
  HttpTestServer slow([&](const auto&) {
    while (!stop) absl::SleepFor(absl::Milliseconds(5));
    return HttpTestServer::Answer("200 OK", "");
  });
  const absl::Time start = absl::Now();
  EXPECT_THAT(Ask("http POST " + slow.url() + " 100\n\nb"),
              AllOf(StartsWith("4 POST to http://127.0.0.1:"), HasSubstr("may have been done")));
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  // The request may take 30 seconds, its caller waits for less.
  const std::string answer = Ask("http GET " + slow.url() + " 0", absl::Milliseconds(300));
  EXPECT_THAT(answer, ::testing::AnyOf(StartsWith("4 "), StartsWith("DEADLINE_EXCEEDED")));
  EXPECT_LT(absl::Now() - start, absl::Seconds(6));
  stop = true;
}

TEST_P(ServicesTest, ACircuitOpensForAServerThatDoesNotWork) {
  std::atomic<bool> works{false};
  HttpTestServer server([&](const auto&) {
    return HttpTestServer::Answer(works ? "200 OK" : "503 Service Unavailable", "");
  });
  options_.http_limits.open_min = absl::Milliseconds(200);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Get(server.url()), StartsWith("0 503"));
  EXPECT_THAT(Get(server.url()),
              AllOf(StartsWith("8 was not sent: 5 requests to "), HasSubstr("it answered 503")));
  EXPECT_EQ(server.requests().size(), 5u);
  works = true;
  absl::SleepFor(absl::Milliseconds(250));
  EXPECT_THAT(Get(server.url()), StartsWith("0 200"));
  EXPECT_THAT(Get(server.url()), StartsWith("0 200"));
}

TEST_P(ServicesTest, SecretsAreOutOfErrors) {
  settings()["token"] = kTestSecret;
  EXPECT_THAT(Get("http://" + std::string(kTestSecret) + ".invalid/"),
              AllOf(StartsWith("14 "), HasSubstr("[secret]"), Not(HasSubstr(kTestSecret))));
}

TEST_P(ServicesTest, RecordsAndReplaysWithoutSecrets) {
  settings()["token"] = kTestSecret;
  const fs::path recording = folder_ / "recording";
  int count = 0;
  std::string url;
  const auto ask_all = [&] {
    std::vector<std::string> answers;
    answers.push_back(Ask("http POST " + url + "/login?k=" + kTestSecret +
                          " 0\nAuthorization: Bearer abc\nX-Token: " + kTestSecret + "\n\nme " +
                          kTestSecret));
    answers.push_back(Get(url + "/next"));
    answers.push_back(Get(url + "/next"));
    answers.push_back(Get(url + "/binary"));
    answers.push_back(Get("http://no-such-host.invalid/"));
    return answers;
  };
  std::vector<std::string> recorded;
  {
    HttpTestServer server([&](const HttpTestServer::Request& request) {
      if (absl::StrContains(request.head, "/binary")) {
        return HttpTestServer::Answer("200 OK", std::string("\xff\x01", 2));
      }
      return HttpTestServer::Answer("200 OK", absl::StrCat("answer ", ++count, " ", kTestSecret),
                                    "Set-Cookie: session=xyz\r\n");
    });
    url = server.url();
    options_.http = RecordingHttp::Open(recording, std::make_shared<HttpClient>("test")).value();
    recorded = ask_all();
    EXPECT_THAT(recorded[2], HasSubstr("answer 3 hunter2"));
  }
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(recording)) {
    ++files;
    std::ifstream in(entry.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    EXPECT_THAT(text, AllOf(Not(HasSubstr(kTestSecret)), Not(HasSubstr("Bearer abc")),
                            Not(HasSubstr("session=xyz"))));
  }
  EXPECT_EQ(files, 5u);
  EXPECT_TRUE(fs::exists(recording / "services-0001.json"));

  options_.http = ReplayingHttp::Open(recording).value();
  Load();
  const std::vector<std::string> replayed = ask_all();
  EXPECT_THAT(replayed[0],
              AllOf(HasSubstr("answer 1 [secret]"), HasSubstr("set-cookie: [secret]")));
  EXPECT_THAT(replayed[1], HasSubstr("answer 2"));
  EXPECT_THAT(replayed[2], HasSubstr("answer 3"));
  EXPECT_THAT(Get(url + "/next"), HasSubstr("answer 3")) << "the last one again";
  EXPECT_EQ(replayed[3], recorded[3]);
  EXPECT_THAT(replayed[4], StartsWith("14 GET to http://no-such-host.invalid:80 was not sent"));
  EXPECT_THAT(Get(url + "/never"), AllOf(StartsWith("14 "), HasSubstr("record it again")));

  Write(recording / "services-0002.json", "{}");
  EXPECT_THAT(std::string(ReplayingHttp::Open(recording).status().message()),
              HasSubstr("services-0002.json: is not a recorded exchange"));
  EXPECT_EQ(ReplayingHttp::Open(folder_ / "absent").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(ServicesTest, KeepsValues) {
  EXPECT_EQ(Ask("get configured"), "0 yes") << "from Configure on";
  EXPECT_EQ(Ask("get cursor"), "5 there is no value for the key `cursor`");
  EXPECT_EQ(Ask("put cursor page 12"), "0 ");
  EXPECT_EQ(Ask("get cursor"), "0 page 12");
  EXPECT_THAT(Ask("put " + std::string(257, 'k') + " v"), StartsWith("3 `key` has 257 bytes"));
  EXPECT_THAT(Ask("put k " + std::string(70'000, 'v')), StartsWith("3 `value` has 70000 bytes"));
  EXPECT_THAT(Ask("put k " + std::string(20 << 20, 'v')), StartsWith("3 `value` has 20971520"));
  EXPECT_THAT(Ask("get"), StartsWith("3 `key` has 0 bytes"));
  EXPECT_EQ(Ask("put long " + std::string(64 << 10, 'v')), "0 ");
  EXPECT_EQ(Ask("delete cursor"), "0 ");
  EXPECT_EQ(Ask("delete cursor"), "0 ");
  Load();  // a host that is started again
  EXPECT_EQ(Ask("get long"), "0 " + std::string(64 << 10, 'v'));
  EXPECT_THAT(Ask("get cursor"), StartsWith("5 "));
  EXPECT_EQ(Ask("get shut"), "0 down") << "until Shutdown";
}

TEST_P(ServicesTest, SecretsAreReadAnew) {
  const fs::path file = folder_ / "token";
  Write(file, std::string(kTestSecret) + "-1\n");
  settings() = {{"token", "@" + file.string()}, {"pages", "12"}};
  EXPECT_EQ(Ask("secret token"), "0 hunter2-token-1");
  EXPECT_EQ(Ask("setting token"), "hunter2-token-1");
  Write(file, "rotated-secret");
  EXPECT_EQ(Ask("secret token"), "0 rotated-secret");
  EXPECT_EQ(Ask("setting token"), "hunter2-token-1") << "Configure was earlier";
  EXPECT_THAT(Get("http://rotated-secret.invalid/"), Not(HasSubstr("rotated-secret")));
  EXPECT_THAT(Ask("secret pages"), StartsWith("5 the setting `pages` is not marked secret"));
  EXPECT_EQ(Ask("secret pin"), "5 the setting `pin` is not given");
  EXPECT_EQ(Ask("secret nonsense"), "5 there is no such setting");
  fs::remove(file);
  EXPECT_THAT(Ask("secret token"),
              AllOf(StartsWith("14 the setting `token`: file "), HasSubstr("cannot be read")));
}

TEST_P(ServicesTest, SettingsAreCheckedBeforeThePluginSeesThem) {
  Write(folder_ / "pages", "7\n");
  settings() = {{"pages", "@" + (folder_ / "pages").string()},
                {"strict", "true"},
                {"address", "https://erp.example/api"},
                {"every", "5m"},
                {"mode", "fast"}};
  EXPECT_EQ(Problem(), "");
  EXPECT_EQ(Ask("setting pages"), "7");
  EXPECT_EQ(Ask("setting mode"), "fast");

  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  settings() = {{"pages", "7 "},
                {"strict", "yes"},
                {"address", "erp.example"},
                {"every", "often"},
                {"mode", "loud"},
                {"pin", kTestSecret},
                {"nonsense", "1"},
                {"form", "bad"},
                {"token", "@/no/such/file"},
                {"note", "@" + (folder_ / "pipe").string()}};
  const std::string problem = Problem();
  EXPECT_THAT(problem,
              AllOf(HasSubstr("`pages` must be a whole number, such as 30"),
                    HasSubstr("`strict` must be true or false"),
                    HasSubstr("`address` must be an address that begins with http:// or https://"),
                    HasSubstr("`every` must be a duration, such as 30s, 5m or 24h"),
                    HasSubstr("`mode` must be one of fast, safe"),
                    HasSubstr("`pin` must be a whole number")));
  EXPECT_THAT(problem, AllOf(HasSubstr("has no setting `nonsense`; it takes token, pin"),
                             HasSubstr("`token`: file /no/such/file cannot be read"),
                             HasSubstr("pipe is not a file"), HasSubstr("; correct the config"),
                             Not(HasSubstr(kTestSecret)), Not(HasSubstr("loud")),
                             Not(HasSubstr("must not be bad"))));
}

TEST_P(ServicesTest, ThePluginLooksAtItsSettings) {
  settings() = {{"form", "bad"}, {"token", kTestSecret}};
  EXPECT_THAT(Problem(), AllOf(HasSubstr("`form` must not be bad; `token` is not of this form: "
                                         "[secret]; mode and form do not go together: safe"),
                               HasSubstr("correct the configuration of services")));
  EXPECT_FALSE(fs::exists(data())) << "not even a folder is made for it";
  settings() = {{"form", "throw"}};
  EXPECT_THAT(Problem(), HasSubstr("cannot look at its settings: exception in the plugin: cannot "
                                   "look"));
  settings() = {{"form", "unimplemented"}};
  EXPECT_EQ(Problem(), "") << "has nothing to look at";
}

TEST_P(ServicesTest, IsToldOfItsEndOnce) {
  EXPECT_EQ(Problem(), "");
  registry_.reset();
  std::ifstream in(data() / "shutdowns");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "shutdown\n");
}

TEST_P(ServicesTest, ManyThreadsAtOnce) {
  HttpTestServer server([](const HttpTestServer::Request& request) {
    return HttpTestServer::Answer("200 OK", request.body);
  });
  Load();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const std::string text = absl::StrCat("b", i, "-", round);
        const std::string key = absl::StrCat("k", i);
        if (absl::EndsWith(Ask("http POST " + server.url() + " 0\n\n" + text), "\n\n" + text) &&
            Ask("put " + key + " " + text) == "0 " && Ask("get " + key) == "0 " + text) {
          ++good;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 16 * 5);
}

INSTANTIATE_TEST_SUITE_P(Both, ServicesTest, ::testing::Values("in_process", "isolated"),
                         [](const auto& where) { return std::string(where.param); });

// The server of children, as a process sees it that is not of the SDK.
class ServicesServerTest : public ::testing::Test {
 protected:
  class Fixed : public PluginServices {
   public:
    absl::Status SendHttpRequest(const plugin::v1::SendHttpRequestRequest&, const CancelledFn&,
                                 plugin::v1::SendHttpRequestResponse*) override {
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> GetSecret(std::string_view) override { return "s"; }
    absl::StatusOr<std::string> GetValue(std::string_view key) override { return std::string(key); }
    absl::Status PutValue(std::string_view, std::string_view) override { return absl::OkStatus(); }
    absl::Status DeleteValue(std::string_view) override { return absl::OkStatus(); }
  };

  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "server_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    server_ = ServicesServer::Start(folder_ / "host").value();
  }
  void TearDown() override {
    server_.reset();
    EXPECT_TRUE(fs::is_empty(folder_)) << "its socket is left";
    fs::remove_all(folder_);
  }
  grpc::Status Get(const std::vector<std::string>& tokens, std::string* value = nullptr) {
    const auto stub = plugin::v1::PluginHost::NewStub(
        grpc::CreateChannel(UnixAddress(server_->socket()), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    for (const std::string& token : tokens) context.AddMetadata("aftersales-plugin-token", token);
    plugin::v1::GetValueRequest request;
    request.set_key("k");
    plugin::v1::GetValueResponse response;
    grpc::Status status = stub->GetValue(&context, request, &response);
    if (value != nullptr) *value = response.value();
    return status;
  }
  fs::path folder_;
  std::unique_ptr<ServicesServer> server_;
};

TEST_F(ServicesServerTest, AsksForTheTokenOfTheProcess) {
  const auto slot = std::make_shared<ServicesSlot>();
  EXPECT_EQ(Get({}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(Get({"nonsense"}).error_message(), HasSubstr("AFTERSALES_PLUGIN_TOKEN"));
  std::string old;
  {
    const auto admission = server_->Admit(slot);
    old = admission.token();
    EXPECT_EQ(old.size(), 64u);
    EXPECT_EQ(Get({old}).error_code(), grpc::StatusCode::FAILED_PRECONDITION) << "not configured";
    slot->Set(std::make_shared<Fixed>());
    std::string value;
    EXPECT_TRUE(Get({old}, &value).ok());
    EXPECT_EQ(value, "k");
    EXPECT_EQ(Get({old, old}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(Get({old.substr(1)}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(Get({""}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
    const auto next = server_->Admit(slot);
    EXPECT_NE(next.token(), old);
    EXPECT_TRUE(Get({next.token()}).ok());
  }
  EXPECT_EQ(Get({old}).error_code(), grpc::StatusCode::UNAUTHENTICATED) << "its process is gone";
}

// So that one that asks without end leaves the machine to the others.
TEST_F(ServicesServerTest, OnePluginHasSoManyCallsASecond) {
  ServicesSlot slot;
  const absl::Time began = absl::Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 30; ++i) {
    threads.emplace_back([&slot] {
      for (int call = 0; call < 50; ++call) {
        ASSERT_TRUE(slot.Enter(nullptr));
        slot.Leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(490)) << "1,000 at once, 500 in their turn";
  EXPECT_LT(absl::Now() - began, absl::Seconds(10));
  // Who has gone meanwhile does not wait for its turn.
  bool waited = true;
  for (int i = 0; i < 1'000'000 && waited; ++i) {
    waited = slot.Enter([] { return true; });
    if (waited) slot.Leave();
  }
  EXPECT_FALSE(waited);
  ServicesSlot other;
  EXPECT_TRUE(other.Enter(nullptr)) << "each plugin has its own";
}

TEST_F(ServicesServerTest, OnePluginHasSoManyCallsAtOnce) {
  const auto slot = std::make_shared<ServicesSlot>();
  slot->Set(std::make_shared<Fixed>());
  const auto admission = server_->Admit(slot);
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(slot->Enter(nullptr));
  EXPECT_EQ(Get({admission.token()}).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  slot->Leave();
  EXPECT_TRUE(Get({admission.token()}).ok());
}

}  // namespace
}  // namespace aftersales::plugins
