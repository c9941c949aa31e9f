// NumPy's .npy: magic, version, a Python dict literal {'descr', 'fortran_order', 'shape'}, the elements.
#include "core/npy.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "attend/core/error.h"
#include "core/byte_order.h"

namespace attend {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kHeaderAlignment = 64, kMostDimensions = 64;

constexpr std::pair<Dtype, std::string_view> kDescriptors[] = {{Dtype::kBool, "|b1"}, {Dtype::kU8, "|u1"},  {Dtype::kI32, "<i4"},
                                                               {Dtype::kI64, "<i8"},  {Dtype::kF16, "<f2"}, {Dtype::kF32, "<f4"},
                                                               {Dtype::kF64, "<f8"}};

/// Reads the few Python literals a header may hold.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& who) : text_(text), who_(who) {}

  /// Skips white space, then takes `token` when it stands here.
  bool take(std::string_view token) {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    ATTEND_CHECK(take(token), kData, "{}: expected '{}' in the array's header, got '{}'; the array is damaged", who_, token, shown());
  }
  std::string quoted() {
    const char quote = take("'") ? '\'' : '"';
    if (quote == '"') expect("\"");
    const auto end = text_.find(quote);
    ATTEND_CHECK(end != std::string_view::npos, kData, "{}: a text in the array's header does not end; the array is damaged", who_);
    std::string text(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    if (take("True")) return true;
    expect("False");
    return false;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> sizes;
    expect("(");
    while (!take(")")) {
      take("");  // white space
      std::int64_t size = 0;
      const auto [stop, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      ATTEND_CHECK(error == std::errc() && size >= 0 && sizes.size() < kMostDimensions, kData,
                   "{}: expected a shape in the array's header, got '{}'; the array is damaged", who_, shown());
      text_.remove_prefix(static_cast<std::size_t>(stop - text_.data()));
      sizes.push_back(size);
      if (!take(",")) {
        expect(")");
        break;
      }
    }
    return sizes;
  }
  bool at_end() {
    take("");
    return text_.empty();
  }

 private:
  std::string shown() const {  // the file may hold anything, a terminal should not get it
    std::string text(text_.substr(0, 20));
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return text;
  }
  std::string_view text_;
  const std::string& who_;
};

Dtype dtype_of(const std::string& descriptor, const std::string& who) {
  ATTEND_CHECK(descriptor.find('O') == std::string::npos, kData,
               "{}: holds pickled Python objects, which could run code and are never read; save plain numbers", who);
  ATTEND_CHECK(!descriptor.starts_with('>'), kData, "{}: holds big-endian numbers ({}); save it as little-endian", who, descriptor);
  for (const auto& [dtype, text] : kDescriptors)
    if (text == descriptor || (text[0] == '|' && descriptor == fmt::format("<{}", text.substr(1)))) return dtype;
  fail(ErrorKind::kData, "{}: dtype '{}' is not supported; convert to bool, uint8, int32, int64, float16, float32 or float64", who,
       descriptor);
}

/// Where the header's text lies: after magic, version and its length.
std::string_view header_text(std::string_view bytes, const std::string& who) {
  ATTEND_CHECK(bytes.size() >= 10 && bytes.starts_with(kMagic), kData, "{}: is no .npy array", who);
  const int major = bytes[6];
  ATTEND_CHECK(major >= 1 && major <= 3, kData, "{}: .npy version {} is not known, versions 1 to 3 are", who, major);
  ATTEND_CHECK(major == 1 || bytes.size() >= 12, kData, "{}: the array is cut short", who);
  const std::size_t start = major == 1 ? 10 : 12;
  const std::size_t size = major == 1 ? get<std::uint16_t>(bytes, 8) : get<std::uint32_t>(bytes, 8);
  ATTEND_CHECK(size <= bytes.size() - start, kData, "{}: the array's header is cut short", who);
  return bytes.substr(start, size);
}

}  // namespace

std::string npy_header(const ArrayView& array, const std::string& who) {
  const auto* known = std::find_if(std::begin(kDescriptors), std::end(kDescriptors), [&](const auto& d) { return d.first == array.dtype; });
  ATTEND_CHECK(known != std::end(kDescriptors), kUnsupported, "{}: numpy has no {}; convert to float32 first", who, name_of(array.dtype));
  auto text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", known->second, fmt::join(array.shape, ", "),
                          array.shape.size() == 1 ? "," : "");
  const std::size_t total = (kMagic.size() + 4 + text.size() + 1 + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment;
  text.resize(total - kMagic.size() - 4 - 1, ' ');
  text += '\n';
  ATTEND_ASSERT(text.size() <= std::numeric_limits<std::uint16_t>::max());
  std::string header(kMagic);
  header += '\1';
  header += '\0';
  put(header, static_cast<std::uint16_t>(text.size()));
  return header + text;
}

ArrayView parse_npy(std::string_view bytes, const std::string& who) {
  const auto text = header_text(bytes, who);
  HeaderReader reader(text, who);
  std::optional<std::string> descriptor;
  std::optional<bool> fortran;
  std::optional<std::vector<std::int64_t>> shape;
  reader.expect("{");
  while (!reader.take("}")) {
    const auto key = reader.quoted();
    reader.expect(":");
    if (key == "descr" && !descriptor) {
      descriptor = reader.quoted();
    } else if (key == "fortran_order" && !fortran) {
      fortran = reader.boolean();
    } else if (key == "shape" && !shape) {
      shape = reader.tuple();
    } else {
      fail(ErrorKind::kData, "{}: a key of the array's header is unknown or given twice; the array is damaged", who);
    }
    if (!reader.take(",")) {
      reader.expect("}");
      break;
    }
  }
  ATTEND_CHECK(reader.at_end() && descriptor && fortran && shape, kData, "{}: the array's header needs descr, fortran_order and shape",
               who);
  ArrayView view;
  view.dtype = dtype_of(*descriptor, who);
  view.shape = *shape;
  ATTEND_CHECK(!*fortran || view.shape.size() <= 1, kData, "{}: is in Fortran order; save numpy.ascontiguousarray(x)", who);
  const auto elements = bytes.substr(static_cast<std::size_t>(text.data() - bytes.data()) + text.size());
  std::optional<std::size_t> wanted;
  try {
    wanted = view.bytes();
  } catch (const Error&) {
    // no memory holds so many elements: the same mistake as a wrong product
  }
  ATTEND_CHECK(wanted == elements.size(), kData, "{}: {} [{}] does not fit its {} bytes; the array is cut short or damaged", who,
               name_of(view.dtype), fmt::join(view.shape, ", "), elements.size());
  view.data = elements.data();
  return view;
}

}  // namespace attend
