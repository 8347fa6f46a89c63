#include "core/plugins/libcurl.h"

// Boost 1.74 uses std::vector and std::string without including them.
#include <string>
#include <vector>

#define BOOST_DLL_USE_STD_FS
#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>
#include <exception>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace aftersales::plugins {
namespace {

// What it is called on Debian, with either of its packages; also elsewhere, since 2006.
constexpr char kFile[] = "libcurl.so.4";

absl::StatusOr<const LibCurl*> LoadOnce() {
  static LibCurl curl;
  try {
    boost::dll::shared_library library(kFile, static_cast<boost::dll::load_mode::type>(
                                                  boost::dll::load_mode::search_system_folders |
                                                  RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
    curl.global_init =
        &library.get<std::remove_pointer_t<decltype(curl.global_init)>>("curl_global_init");
    curl.free = &library.get<std::remove_pointer_t<decltype(curl.free)>>("curl_free");
    curl.slist_append =
        &library.get<std::remove_pointer_t<decltype(curl.slist_append)>>("curl_slist_append");
    curl.slist_free_all =
        &library.get<std::remove_pointer_t<decltype(curl.slist_free_all)>>("curl_slist_free_all");
    curl.easy_init =
        &library.get<std::remove_pointer_t<decltype(curl.easy_init)>>("curl_easy_init");
    curl.easy_setopt =
        &library.get<std::remove_pointer_t<decltype(curl.easy_setopt)>>("curl_easy_setopt");
    curl.easy_getinfo =
        &library.get<std::remove_pointer_t<decltype(curl.easy_getinfo)>>("curl_easy_getinfo");
    curl.easy_reset =
        &library.get<std::remove_pointer_t<decltype(curl.easy_reset)>>("curl_easy_reset");
    curl.easy_cleanup =
        &library.get<std::remove_pointer_t<decltype(curl.easy_cleanup)>>("curl_easy_cleanup");
    curl.easy_strerror =
        &library.get<std::remove_pointer_t<decltype(curl.easy_strerror)>>("curl_easy_strerror");
    curl.multi_init =
        &library.get<std::remove_pointer_t<decltype(curl.multi_init)>>("curl_multi_init");
    curl.multi_add_handle = &library.get<std::remove_pointer_t<decltype(curl.multi_add_handle)>>(
        "curl_multi_add_handle");
    curl.multi_remove_handle =
        &library.get<std::remove_pointer_t<decltype(curl.multi_remove_handle)>>(
            "curl_multi_remove_handle");
    curl.multi_perform =
        &library.get<std::remove_pointer_t<decltype(curl.multi_perform)>>("curl_multi_perform");
    curl.multi_poll =
        &library.get<std::remove_pointer_t<decltype(curl.multi_poll)>>("curl_multi_poll");
    curl.multi_info_read =
        &library.get<std::remove_pointer_t<decltype(curl.multi_info_read)>>("curl_multi_info_read");
    curl.multi_cleanup =
        &library.get<std::remove_pointer_t<decltype(curl.multi_cleanup)>>("curl_multi_cleanup");
    curl.url = &library.get<std::remove_pointer_t<decltype(curl.url)>>("curl_url");
    curl.url_set = &library.get<std::remove_pointer_t<decltype(curl.url_set)>>("curl_url_set");
    curl.url_get = &library.get<std::remove_pointer_t<decltype(curl.url_get)>>("curl_url_get");
    curl.url_cleanup =
        &library.get<std::remove_pointer_t<decltype(curl.url_cleanup)>>("curl_url_cleanup");
    curl.url_strerror =
        &library.get<std::remove_pointer_t<decltype(curl.url_strerror)>>("curl_url_strerror");
  } catch (const std::exception& e) {
    return absl::UnavailableError(
        absl::StrCat("libcurl cannot be loaded: ", e.what(), "; install it (Debian: libcurl4)"));
  }
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return absl::UnavailableError("libcurl does not start");
  }
  return &curl;
}

}  // namespace

absl::StatusOr<const LibCurl*> LibCurl::Load() {
  static const auto* const loaded = new absl::StatusOr<const LibCurl*>(LoadOnce());
  return *loaded;
}

}  // namespace aftersales::plugins
