#include "attend/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "attend/core/error.h"
#include "attend/core/files.h"

namespace attend {
namespace {

constexpr std::uint32_t kImagesMagic = 2051, kLabelsMagic = 2049;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 36;
constexpr unsigned kBlock = 1U << 20;
constexpr int kGzip = 15 + 16;  // for zlib: the largest window, and a gzip header (whose time stays 0)

/// The bytes of a gzip or plain file, in order. zlib's own file functions do not notice a file cut inside its checksum.
class GzReader {
 public:
  explicit GzReader(const std::string& path) : path_(path), file_(path) {
    const auto bytes = file_.bytes();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    ATTEND_CHECK(bytes.size() <= std::numeric_limits<uInt>::max(), kUnsupported, "{}: expected less than 4 GiB, got {} bytes", path,
                 bytes.size());
    packed_ = bytes.starts_with("\x1f\x8b");
    if (packed_) ATTEND_ASSERT(inflateInit2(&stream_, kGzip) == Z_OK);
  }
  ~GzReader() {
    if (packed_) inflateEnd(&stream_);
  }
  GzReader(const GzReader&) = delete;
  GzReader& operator=(const GzReader&) = delete;

  std::uint32_t number() {  // big-endian
    std::array<std::uint8_t, 4> bytes{};
    ATTEND_CHECK(read(bytes.data(), 4) == 4, kData, "{}: the file ends inside its header; it is cut short or not an idx file", path_);
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
  }

  /// Exactly `size` bytes and then the end. Grows as bytes come: a header may say anything.
  std::vector<std::uint8_t> rest(std::uint64_t size) {
    std::vector<std::uint8_t> bytes;
    while (bytes.size() < size) {
      const auto wanted = static_cast<unsigned>(std::min<std::uint64_t>(kBlock, size - bytes.size()));
      const auto before = bytes.size();
      bytes.resize(before + wanted);
      const auto got = read(bytes.data() + before, wanted);
      ATTEND_CHECK(got == wanted, kData, "{}: the header says {} bytes follow it, the file has {}; it is cut short", path_, size,
                   before + got);
    }
    std::uint8_t more = 0;
    ATTEND_CHECK(read(&more, 1) == 0 && stream_.avail_in == 0, kData,
                 "{}: the header says {} bytes follow it, the file has more; it is damaged", path_, size);
    ATTEND_CHECK(!packed_ || ended_, kData, "{}: the gzip data is cut short; get the file again", path_);
    return bytes;
  }

  std::uint32_t magic(std::uint32_t expected) {
    const auto got = number();
    const auto* const hint = got == kImagesMagic   ? " (a file of images)"
                             : got == kLabelsMagic ? " (a file of labels)"
                                                   : " (not an idx file of bytes)";
    ATTEND_CHECK(got == expected, kData, "{}: expected magic number {} ({}), got {}{}; check the path", path_, expected,
                 expected == kImagesMagic ? "images" : "labels", got, hint);
    return number();
  }

 private:
  /// Up to `size` bytes; fewer only at the end.
  unsigned read(std::uint8_t* to, unsigned size) {
    if (!packed_) {
      const auto got = std::min(size, stream_.avail_in);
      std::copy_n(stream_.next_in, got, to);
      stream_.next_in += got;
      stream_.avail_in -= got;
      return got;
    }
    stream_.next_out = to;
    stream_.avail_out = size;
    while (!ended_) {
      const int code = inflate(&stream_, Z_SYNC_FLUSH);
      ATTEND_CHECK(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR, kData,
                   "{}: the gzip data is damaged ({}); get the file again", path_, stream_.msg ? stream_.msg : "no more is known");
      if (code != Z_STREAM_END) break;
      ended_ = !next_member();
      if (stream_.avail_out == 0) break;
    }
    return size - stream_.avail_out;
  }
  /// A gzip file may hold several, one behind another (RFC 1952, 2.2); zeros behind the last fill a block of a tape.
  bool next_member() {
    if (std::all_of(stream_.next_in, stream_.next_in + stream_.avail_in, [](Bytef byte) { return byte == 0; })) {
      stream_.avail_in = 0;
      return false;
    }
    ATTEND_ASSERT(inflateReset(&stream_) == Z_OK);
    return true;
  }

  std::string path_;
  MappedFile file_;
  z_stream stream_{};
  bool packed_ = false, ended_ = false;
};

void put_big_endian(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xff);
}

std::string gzipped(const std::string& bytes) {
  constexpr int kMemoryLevel = 8;  // zlib's own choice
  z_stream stream{};
  ATTEND_ASSERT(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  ATTEND_ASSERT(code == Z_STREAM_END);
  return out;
}

}  // namespace

std::span<const std::uint8_t> IdxImages::image(std::size_t i) const {
  ATTEND_ASSERT(i < count);
  const auto size = std::size_t{height} * width;
  return {pixels.data() + i * size, size};
}

IdxImages read_idx_images(const std::string& path) {
  GzReader reader(path);
  IdxImages images;
  images.count = reader.magic(kImagesMagic);
  images.height = reader.number();
  images.width = reader.number();
  const auto area = std::uint64_t{images.height} * images.width;
  ATTEND_CHECK(images.count > 0 && area > 0 && area <= kMostBytes / images.count, kData,
               "{}: the header says {} images of {} rows and {} columns, which cannot be; it is damaged", path, images.count, images.height,
               images.width);
  images.pixels = reader.rest(images.count * area);
  return images;
}

std::vector<std::uint8_t> read_idx_labels(const std::string& path) {
  GzReader reader(path);
  return reader.rest(reader.magic(kLabelsMagic));
}

IdxSet read_idx(const std::string& images, const std::string& labels) {
  IdxSet set{read_idx_images(images), read_idx_labels(labels)};
  ATTEND_CHECK(set.images.count == set.labels.size(), kData, "{}: holds {} images, yet {} holds {} labels; name the two files of one set",
               images, set.images.count, labels, set.labels.size());
  return set;
}

std::string to_idx_gz(const IdxImages& images) {
  ATTEND_ASSERT(images.pixels.size() == std::size_t{images.count} * images.height * images.width);
  std::string bytes;
  for (const auto value : {kImagesMagic, images.count, images.height, images.width}) put_big_endian(bytes, value);
  bytes.append(images.pixels.begin(), images.pixels.end());
  return gzipped(bytes);
}

std::string to_idx_gz(const std::vector<std::uint8_t>& labels) {
  std::string bytes;
  put_big_endian(bytes, kLabelsMagic);
  put_big_endian(bytes, static_cast<std::uint32_t>(labels.size()));
  bytes.append(labels.begin(), labels.end());
  return gzipped(bytes);
}

}  // namespace attend
