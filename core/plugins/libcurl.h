// libcurl, loaded at the first use. The program of the host also runs each isolated plugin, where
// libcurl and the two dozen libraries that it brings would cost time and memory for nothing.
#pragma once

#include <curl/curl.h>

#include "absl/status/statusor.h"

namespace aftersales::plugins {

// The functions that are used, as `curl/curl.h` tells of them without `curl_`.
struct LibCurl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_free) free;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_multi_init) multi_init;
  decltype(&curl_multi_add_handle) multi_add_handle;
  decltype(&curl_multi_remove_handle) multi_remove_handle;
  decltype(&curl_multi_perform) multi_perform;
  decltype(&curl_multi_poll) multi_poll;
  decltype(&curl_multi_info_read) multi_info_read;
  decltype(&curl_multi_cleanup) multi_cleanup;
  decltype(&curl_url) url;
  decltype(&curl_url_set) url_set;
  decltype(&curl_url_get) url_get;
  decltype(&curl_url_cleanup) url_cleanup;
  decltype(&curl_url_strerror) url_strerror;

  // The same one each time, never unloaded. UNAVAILABLE says what is missing and how to install it.
  // Thread-safe.
  static absl::StatusOr<const LibCurl*> Load();
};

}  // namespace aftersales::plugins
