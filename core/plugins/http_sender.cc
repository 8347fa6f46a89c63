#include "core/plugins/http_sender.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/plugins/libcurl.h"

namespace aftersales::plugins {
namespace {

constexpr int kHeadersMax = 100;
constexpr size_t kHeaderNameBytesMax = 256;
constexpr size_t kHeaderValueBytesMax = 64 << 10;
constexpr size_t kUrlBytesMax = 16 << 10;
constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr absl::Duration kTimeoutMax = absl::Minutes(5);

constexpr std::array kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
// They say where a message ends or which connection it goes by. One that differs from what is sent
// would let a second request hide in the body of the first.
constexpr std::array kHostsOwnHeaders = {
    "content-length", "host",   "transfer-encoding", "connection", "keep-alive", "te", "trailer",
    "upgrade",        "expect", "proxy-connection"};

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsControl(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

absl::Status Invalid(std::string_view field, std::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("`", std::string(field), "` ", std::string(problem)));
}

absl::Status CheckHeader(const plugin::v1::HttpHeader& header, int index) {
  const std::string field = absl::StrCat("headers[", index, "]");
  const std::string& name = header.name();
  if (name.empty() || name.size() > kHeaderNameBytesMax ||
      !std::all_of(name.begin(), name.end(), IsTokenCharacter)) {
    return Invalid(field + ".name",
                   "is not the name of a header; it has 1 to 256 letters, digits and hyphens");
  }
  const std::string lower = absl::AsciiStrToLower(name);
  if (std::find(kHostsOwnHeaders.begin(), kHostsOwnHeaders.end(), lower) !=
      kHostsOwnHeaders.end()) {
    return Invalid(field + ".name", absl::StrCat("is ", lower,
                                                 ", which the host sets; leave it "
                                                 "out"));
  }
  const std::string& value = header.value();
  if (value.size() > kHeaderValueBytesMax) {
    return Invalid(field + ".value", absl::StrCat("has ", value.size(), " bytes; at most ",
                                                  kHeaderValueBytesMax, " are sent"));
  }
  if (std::any_of(value.begin(), value.end(), [](char c) { return c != '\t' && IsControl(c); })) {
    return Invalid(field + ".value", "has a line break or another control character; take it out");
  }
  return absl::OkStatus();
}

std::string Part(const LibCurl& curl, CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  std::string result;
  if (curl.url_get(url, part, &text, flags) == CURLUE_OK && text != nullptr) result = text;
  curl.free(text);
  return result;
}

absl::StatusOr<std::string> ServerOf(const std::string& url) {
  if (url.empty()) return Invalid("url", "is required");
  if (url.size() > kUrlBytesMax) {
    return Invalid("url", absl::StrCat("has ", url.size(), " bytes; at most ", kUrlBytesMax,
                                       " are sent: put the rest into the body"));
  }
  if (!absl::StartsWithIgnoreCase(url, "http://") && !absl::StartsWithIgnoreCase(url, "https://")) {
    return Invalid("url", "must begin with http:// or https://");
  }
  // libcurl would take the first part of the path for it.
  if (url.find_first_of("/?#", url.find("://") + 3) == url.find("://") + 3) {
    return Invalid("url", "names no server");
  }
  if (std::any_of(url.begin(), url.end(), [](char c) { return c == ' ' || IsControl(c); })) {
    return Invalid("url", "has a space or a control character; encode it, such as %20");
  }
  const absl::StatusOr<const LibCurl*> loaded = LibCurl::Load();
  if (!loaded.ok()) return loaded.status();
  const LibCurl& curl = **loaded;
  const std::unique_ptr<CURLU, decltype(curl.url_cleanup)> parsed(curl.url(), curl.url_cleanup);
  if (parsed == nullptr) return absl::ResourceExhaustedError("was not sent: no memory is left");
  CURLU* parts = parsed.get();
  const CURLUcode code = curl.url_set(parts, CURLUPART_URL, url.c_str(), 0);
  if (code != CURLUE_OK) {
    return Invalid("url", absl::StrCat("is not an address: ", curl.url_strerror(code)));
  }
  if (!Part(curl, parts, CURLUPART_USER).empty() ||
      !Part(curl, parts, CURLUPART_PASSWORD).empty()) {
    return Invalid("url", "has a name or password; send them in a header, such as Authorization");
  }
  return absl::StrCat(Part(curl, parts, CURLUPART_SCHEME), "://",
                      absl::AsciiStrToLower(Part(curl, parts, CURLUPART_HOST)), ":",
                      Part(curl, parts, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

}  // namespace

absl::StatusOr<CheckedHttpRequest> CheckHttpRequest(
    const plugin::v1::SendHttpRequestRequest& request) {
  CheckedHttpRequest checked;
  if (std::find(kMethods.begin(), kMethods.end(), request.method()) == kMethods.end()) {
    return Invalid("method", "must be GET, HEAD, POST, PUT, PATCH or DELETE");
  }
  absl::StatusOr<std::string> server = ServerOf(request.url());
  if (!server.ok()) return server.status();
  checked.server = *std::move(server);
  if (request.headers_size() > kHeadersMax) {
    return Invalid("headers", absl::StrCat("has ", request.headers_size(), " entries; at most ",
                                           kHeadersMax, " are sent"));
  }
  for (int i = 0; i < request.headers_size(); ++i) {
    if (absl::Status status = CheckHeader(request.headers(i), i); !status.ok()) return status;
  }
  if (request.body().size() > kHttpBodyBytesMax) {
    return Invalid("body", absl::StrCat("has ", request.body().size(), " bytes; at most ",
                                        kHttpBodyBytesMax, " are sent: send it in pieces"));
  }
  if (request.method() == "HEAD" && !request.body().empty()) {
    return Invalid("body", "must be empty with HEAD");
  }
  checked.timeout = kTimeout;
  if (request.has_timeout()) {
    checked.timeout =
        absl::Seconds(request.timeout().seconds()) + absl::Nanoseconds(request.timeout().nanos());
    if (checked.timeout <= absl::ZeroDuration() || checked.timeout > kTimeoutMax) {
      return Invalid("timeout", "must be above 0 and at most 5 minutes");
    }
  }
  return checked;
}

}  // namespace aftersales::plugins
