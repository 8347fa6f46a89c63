// Bodies as they are on disk: a third of their size, because records of one database are much
// alike.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;
struct ZSTD_CDict_s;
struct ZSTD_DCtx_s;
struct ZSTD_DDict_s;

namespace aftersales::store::sqlite {

// Packs with Zstandard and typical records at hand. What would not get smaller stays as it is: a
// zero, with which no message begins, marks what is packed. For one thread at a time.
class Packing {
 public:
  // `samples` as they were when the first body was packed: others cannot unpack it.
  explicit Packing(std::string_view samples);
  ~Packing();

  // Good until the next call of the same method.
  std::string_view Pack(std::string_view body);
  // Throws Error where the bytes are not what Pack made.
  std::string_view Unpack(std::string_view stored);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* p) const;
    void operator()(ZSTD_CDict_s* p) const;
    void operator()(ZSTD_DCtx_s* p) const;
    void operator()(ZSTD_DDict_s* p) const;
  };
  std::unique_ptr<ZSTD_CDict_s, Free> pack_samples_;
  std::unique_ptr<ZSTD_DDict_s, Free> unpack_samples_;
  std::unique_ptr<ZSTD_CCtx_s, Free> pack_;
  std::unique_ptr<ZSTD_DCtx_s, Free> unpack_;
  std::string packed_;
  std::string frame_;
  std::string body_;
};

// Typical records for a new database, one after the other.
std::string TypicalRecords();

}  // namespace aftersales::store::sqlite
