#include "core/plugins/http_client.h"

#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/plugins/libcurl.h"

namespace aftersales::plugins {
namespace {

using plugin::v1::SendHttpRequestRequest;
using plugin::v1::SendHttpRequestResponse;

constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
constexpr int kPollMs = 50;  // how soon a caller that has gone is noticed
constexpr size_t kHeaderBytesMax = 256 << 10;
constexpr size_t kIdleMax = 8;

// Lines of a header.
class Lines {
 public:
  explicit Lines(const LibCurl& curl) : curl_(curl) {}
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines() { curl_.slist_free_all(list_); }

  void Add(const std::string& line) {
    curl_slist* longer = complete_ ? curl_.slist_append(list_, line.c_str()) : nullptr;
    complete_ = longer != nullptr;
    if (complete_) list_ = longer;
  }
  // False once memory was missing for one.
  bool complete() const { return complete_; }
  curl_slist* list() const { return list_; }

 private:
  const LibCurl& curl_;
  curl_slist* list_ = nullptr;
  bool complete_ = true;
};

// Headers are bytes of ISO 8859-1 where a server sends no UTF-8; the message takes only UTF-8.
std::string ToUtf8(std::string_view bytes) {
  if (google::protobuf::internal::IsStructurallyValidUTF8(bytes.data(),
                                                          static_cast<int>(bytes.size()))) {
    return std::string(bytes);
  }
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text.push_back(c);
    } else {
      text.push_back(static_cast<char>(0xc0 | (byte >> 6)));
      text.push_back(static_cast<char>(0x80 | (byte & 0x3f)));
    }
  }
  return text;
}

// An answer as it comes in.
struct Incoming {
  SendHttpRequestResponse* response;
  size_t header_bytes = 0;
  bool too_large = false;

  static size_t TakeHeader(char* data, size_t size, size_t count, void* self_pointer) {
    auto& self = *static_cast<Incoming*>(self_pointer);
    absl::string_view line(data, size * count);
    self.header_bytes += line.size();
    if (self.header_bytes > kHeaderBytesMax) {
      self.too_large = true;
      return 0;
    }
    // A status line begins a message; one of 100 Continue comes before the one that counts.
    if (absl::StartsWith(line, "HTTP/")) {
      self.response->clear_headers();
      return line.size();
    }
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos || colon == 0) return line.size();
    auto* header = self.response->add_headers();
    const absl::string_view name = line.substr(0, colon);
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
    header->set_name(ToUtf8(absl::AsciiStrToLower(name)));
    header->set_value(ToUtf8({value.data(), value.size()}));
    return line.size();
  }

  static size_t TakeBody(char* data, size_t size, size_t count, void* self_pointer) {
    auto& self = *static_cast<Incoming*>(self_pointer);
    std::string& body = *self.response->mutable_body();
    if (body.size() + size * count > kHttpBodyBytesMax) {
      self.too_large = true;
      return 0;
    }
    body.append(data, size * count);
    return size * count;
  }
};

void AddHeaders(const SendHttpRequestRequest& request, const std::string& user_agent,
                Lines* lines) {
  bool has_type = false;
  bool has_agent = false;
  for (const auto& header : request.headers()) {
    has_type = has_type || absl::EqualsIgnoreCase(header.name(), "content-type");
    has_agent = has_agent || absl::EqualsIgnoreCase(header.name(), "user-agent");
    // libcurl takes `Name:` as an order to leave the header out; `Name;` sends it empty.
    lines->Add(header.value().empty() ? absl::StrCat(header.name(), ";")
                                      : absl::StrCat(header.name(), ": ", header.value()));
  }
  // It would call every body a form.
  if (!has_type) lines->Add("Content-Type:");
  if (!has_agent) lines->Add(absl::StrCat("User-Agent: ", user_agent));
  // It would wait a second for a server that does not know this.
  lines->Add("Expect:");
}

}  // namespace

struct HttpClient::Session {
  explicit Session(const LibCurl& library)
      : curl(library), multi(curl.multi_init()), easy(curl.easy_init()) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    curl.easy_cleanup(easy);
    curl.multi_cleanup(multi);
  }
  const LibCurl& curl;
  CURLM* const multi;
  CURL* const easy;
};

HttpClient::HttpClient(std::string user_agent) : user_agent_(std::move(user_agent)) {}

HttpClient::~HttpClient() = default;

absl::StatusOr<std::unique_ptr<HttpClient::Session>> HttpClient::Take() {
  {
    absl::MutexLock lock(&mu_);
    if (!idle_.empty()) {
      std::unique_ptr<Session> session = std::move(idle_.back());
      idle_.pop_back();
      return session;
    }
  }
  const absl::StatusOr<const LibCurl*> curl = LibCurl::Load();
  if (!curl.ok()) return curl.status();
  auto session = std::make_unique<Session>(**curl);
  if (session->multi == nullptr || session->easy == nullptr) {
    return absl::UnavailableError("no memory is left");
  }
  return session;
}

void HttpClient::Give(std::unique_ptr<Session> session) {
  absl::MutexLock lock(&mu_);
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(session));
}

absl::Status HttpClient::Send(const HttpContext& context, const SendHttpRequestRequest& request,
                              SendHttpRequestResponse* response) {
  response->Clear();
  absl::StatusOr<std::unique_ptr<Session>> session = Take();
  if (!session.ok()) {
    return absl::UnavailableError(absl::StrCat("was not sent: ", session.status().message()));
  }
  const LibCurl& curl = (*session)->curl;
  CURLM* multi = (*session)->multi;
  CURL* easy = (*session)->easy;
  absl::Cleanup give = [&] {
    curl.easy_reset(easy);
    Give(*std::move(session));
  };
  Lines headers(curl);
  AddHeaders(request, user_agent_, &headers);
  bool ok = headers.complete();
  Incoming incoming{response};
  const auto set = [&](CURLoption option, auto value) {
    ok = ok && curl.easy_setopt(easy, option, value) == CURLE_OK;
  };
  const std::string& method = request.method();
  char problem[CURL_ERROR_SIZE] = "";
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, problem);
  set(CURLOPT_URL, request.url().c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTPHEADER, headers.list());
  set(CURLOPT_PROXYHEADER, static_cast<curl_slist*>(nullptr));
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else {
    if (method == "GET" || method == "DELETE") {
      set(CURLOPT_HTTPGET, 1L);
    }
    if (!request.body().empty() || (method != "GET" && method != "DELETE")) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body().size()));
      set(CURLOPT_POSTFIELDS, request.body().data());
    }
    set(CURLOPT_CUSTOMREQUEST, method.c_str());
  }
  if (method == "POST" || method == "PATCH") set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_TIMEOUT_MS, std::max<long>(1, absl::ToInt64Milliseconds(context.timeout)));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      std::max<long>(1, absl::ToInt64Milliseconds(std::min(context.timeout, kConnectTimeout))));
  set(CURLOPT_HEADERFUNCTION, &Incoming::TakeHeader);
  set(CURLOPT_HEADERDATA, &incoming);
  set(CURLOPT_WRITEFUNCTION, &Incoming::TakeBody);
  set(CURLOPT_WRITEDATA, &incoming);
  if (!ok || curl.multi_add_handle(multi, easy) != CURLM_OK) {
    return absl::UnavailableError("was not sent: libcurl does not take it");
  }

  CURLcode code = CURLE_OK;
  bool done = false;
  bool gone = false;
  while (!done) {
    int running = 0;
    if (curl.multi_perform(multi, &running) != CURLM_OK) {
      code = CURLE_FAILED_INIT;
      break;
    }
    int left = 0;
    while (const CURLMsg* message = curl.multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      code = message->data.result;
      done = true;
    }
    if (done) break;
    if (context.cancelled && context.cancelled()) {
      gone = true;
      break;
    }
    curl.multi_poll(multi, nullptr, 0, kPollMs, nullptr);
  }
  long sent_bytes = 0;
  long status = 0;
  curl.easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
  curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl.multi_remove_handle(multi, easy);
  if (done && code == CURLE_OK) {
    response->set_status(static_cast<int32_t>(status));
    return absl::OkStatus();
  }

  response->Clear();
  const bool late = gone || code == CURLE_OPERATION_TIMEDOUT;
  const std::string why = incoming.too_large ? "its answer is larger than is taken (8 MiB)"
                          : gone             ? "its caller no longer waits"
                          : problem[0] != 0  ? std::string(problem)
                                             : std::string(curl.easy_strerror(code));
  // Once a byte has gone nobody knows what the server makes of it.
  if (sent_bytes == 0) return absl::UnavailableError(absl::StrCat("was not sent: ", why));
  if (late) return absl::DeadlineExceededError(absl::StrCat("may have been done: ", why));
  return absl::UnknownError(absl::StrCat("may have been done: ", why));
}

}  // namespace aftersales::plugins
