// A growable run of bytes that is moved, never copied by accident, and never zero-filled: the vessel of pages, frames
// and request bodies. It always keeps kPadding readable bytes behind its end (simdjson reads past the end of its
// input). One owner, no locking.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace bulk {

class Buffer {
 public:
  static constexpr std::size_t kPadding = 64;

  Buffer() = default;
  explicit Buffer(std::size_t capacity) { reserve(capacity); }
  explicit Buffer(std::string_view text) { append(text); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() noexcept { return data_.get(); }
  const char* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }  // without the padding
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_.get(), size_}; }
  std::string_view view(std::size_t offset, std::size_t length) const noexcept {
    return {data_.get() + offset, length};
  }

  void clear() noexcept { size_ = 0; }

  // Room for `capacity` bytes in all; keeps the content. Throws std::bad_alloc.
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    void* grown = std::realloc(data_.get(), capacity + kPadding);
    if (grown == nullptr) throw std::bad_alloc();
    static_cast<void>(data_.release());
    data_.reset(static_cast<char*>(grown));
    capacity_ = capacity;
  }

  // Changes the size; new bytes are indeterminate.
  void resize(std::size_t size) {
    grow_to(size);
    size_ = size;
  }

  void append(std::string_view text) {
    if (text.empty()) return;
    grow_to(size_ + text.size());
    std::memcpy(data_.get() + size_, text.data(), text.size());
    size_ += text.size();
  }

  void push_back(char c) {
    grow_to(size_ + 1);
    data_.get()[size_++] = c;
  }

  // Gives memory back when the buffer has grown beyond `capacity`; the content is dropped.
  void shrink_to(std::size_t capacity) {
    size_ = 0;
    if (capacity_ <= capacity) return;
    data_.reset();
    capacity_ = 0;
  }

  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  struct Free {
    void operator()(char* memory) const noexcept { std::free(memory); }
  };

  void grow_to(std::size_t size) {
    if (size <= capacity_) return;
    reserve(size > capacity_ * 2 ? size : capacity_ * 2);
  }

  std::unique_ptr<char, Free> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace bulk
