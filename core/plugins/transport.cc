#include "core/plugins/transport.h"

#include <new>

namespace aftersales::plugins {

uint8_t* CallBuffer::Reserve(size_t size) {
  size_ = 0;
  data_ = inline_;
  if (size > kMessageBytesMax) return nullptr;
  if (size > sizeof(inline_)) {
    heap_.reset(new (std::nothrow) uint8_t[size]);
    if (heap_ == nullptr) return nullptr;
    data_ = heap_.get();
  }
  size_ = size;
  return data_;
}

}  // namespace aftersales::plugins
