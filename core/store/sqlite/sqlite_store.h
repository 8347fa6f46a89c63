// The embedded store: one SQLite file in WAL mode, one writer that groups commits, a pool of
// readers.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {

struct Options {
  std::filesystem::path path;  // the database file; its directory must exist
  int readers = 2;
  int queue_limit = 8192;  // writes that may wait; more are refused with BUSY
  int batch_limit = 512;   // writes in one commit
  // Called before every statement that writes. Tests kill the process here.
  std::function<void()> before_write;
};

// Settings of the connection that writes. FULL: a commit is on disk when it is acknowledged, so
// that neither kill -9 nor a power cut loses it; the group commit makes it cheap. A page of 8 KB
// holds a return whole, for which one of 4 KB would take another page. Benchmarks compare with
// SQLite under the same settings.
inline constexpr char kWriterPragmas[] =
    "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "PRAGMA wal_autocheckpoint=8000; PRAGMA journal_size_limit=67108864;"
    "PRAGMA cache_size=-65536";

// FAILED_PRECONDITION with what to do when the file cannot be opened or is of a newer program.
absl::StatusOr<std::unique_ptr<Store>> Open(Options options);

}  // namespace aftersales::store::sqlite
