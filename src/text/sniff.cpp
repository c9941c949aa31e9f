#include "attend/text/sniff.h"

#include <algorithm>
#include <cctype>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

using std::string_view_literals::operator""sv;

struct Magic {
  std::string_view bytes, what, cure;
};
constexpr std::string_view kUnpack = "unpack it", kExport = "export it as CSV or text", kConvert = "convert it to PNG or JPEG",
                           kPicture = "expected text; training takes pictures as data.images";
constexpr Magic kMagics[] = {
    {"\x1f\x8b"sv, "a gzip file", "unpack it with gunzip"},
    {"BZh91AY&SY"sv, "a bzip2 file", "unpack it with bunzip2"},
    {"\xfd"
     "7zXZ\0"sv,
     "an xz file", "unpack it with unxz"},
    {"\x28\xb5\x2f\xfd"sv, "a zstd file", "unpack it with unzstd"},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive", kUnpack},
    {"Rar!\x1a\x07"sv, "a RAR archive", kUnpack},
    {"PAR1"sv, "a Parquet file", kExport},
    {"ARROW1"sv, "an Arrow file", kExport},
    {"SQLite format 3\0"sv, "an SQLite database", kExport},
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "an old Excel or Word document", kExport},
    {"%PDF-"sv, "a PDF document", "convert it with pdftotext"},
    {"\x89HDF\r\n"sv, "an HDF5 file", kExport},
    {"\x93NUMPY"sv, "a NumPy array", kExport},
    {"\x89PNG\r\n"sv, "a PNG picture", kPicture},
    {"\xff\xd8\xff"sv, "a JPEG picture", kPicture},
    {"GIF8"sv, "a GIF picture", kConvert},
    {"II*\0"sv, "a TIFF picture", kConvert},
    {"MM\0*"sv, "a TIFF picture", kConvert},
    {"\x7f"
     "ELF"sv,
     "a program", "check the path"},
};

/// Whether bytes stand near the beginning that no text holds: some of the signatures are words that a text may begin with.
bool holds_binary(std::string_view bytes) {
  const auto begin = bytes.substr(0, 4096);
  const auto wrong = first_wrong_byte(begin);
  if (wrong != begin.npos && wrong + 4 < bytes.size() && (wrong + 4 < begin.size() || begin.size() == bytes.size())) return true;
  return std::any_of(begin.begin(), begin.end(), [](unsigned char c) { return c < 9 || (c > 13 && c < 32 && c != 27); });
}

const Magic* magic_of(std::string_view bytes) {
  for (const auto& magic : kMagics) {
    const bool plain = std::all_of(magic.bytes.begin(), magic.bytes.end(), [](unsigned char c) { return c >= 32 && c < 127; });
    if (bytes.starts_with(magic.bytes) && (!plain || holds_binary(bytes))) return &magic;
  }
  return nullptr;
}

/// What a binary file is, and what helps.
struct Finding {
  std::string_view what, cure;
};

/// A zip archive by what its first member is called.
Finding zip_kind(std::string_view bytes) {
  const auto begin = bytes.substr(0, 4096);
  if (begin.find("xl/") != begin.npos || begin.find("[Content_Types]") != begin.npos || begin.find("word/") != begin.npos)
    return {"an Excel or Word document (a zip archive)", kExport};
  if (begin.find("mimetypeapplication/vnd.oasis") != begin.npos) return {"a LibreOffice document (a zip archive)", kExport};
  if (begin.find("/data.pkl") != begin.npos) return {"a PyTorch file (a zip archive)", kExport};
  return {"a zip archive", kUnpack};
}

bool is_web_page(std::string_view text) {
  std::string begin(text.substr(0, 256));
  std::transform(begin.begin(), begin.end(), begin.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto first = begin.find_first_not_of(" \t\r\n");
  if (first == begin.npos) return false;
  const auto page = std::string_view(begin).substr(first);
  return page.starts_with("<!doctype html") || page.starts_with("<html");
}

/// SentencePiece's listing of pieces: `<unk> TAB 0` and the other special ones on the first lines.
bool is_piece_list(std::string_view text) {
  std::size_t at = 0, special = 0;
  for (int line = 0; line < 4 && at < text.size(); ++line) {
    const auto piece = line_at(text, at, &at);
    const auto tab = piece.find('\t');
    if (tab == piece.npos || piece.find_first_not_of("-0123456789.e", tab + 1) != piece.npos) return false;
    special += piece.starts_with('<') && piece[tab - 1] == '>';
  }
  return special >= 2;
}

std::string_view document_kind(std::string_view bytes) {
  const auto begin = bytes.substr(0, std::size_t{1} << 16);
  const auto first = begin.find_first_not_of(" \t\r\n");
  if (first == begin.npos) return {};
  if (is_web_page(begin)) return "a web page (HTML), perhaps a download that went wrong; get the file again, or take its text out";
  if (begin[first] == '{') {
    const auto holds = [&](std::string_view key) { return begin.find(key) != begin.npos; };
    if (holds("\"paragraphs\"") && (holds("\"qas\"") || holds("\"context\"")))
      return "questions in the form of SQuAD (JSON with paragraphs and qas), which are not read: answers here are words of a document with "
             "a "
             "blank, as CMRC 2017's, or words about a story, as bAbI's; docs/guide/tasks.md, Questions, shows both";
    if (holds("\"tokenizer_class\"") || (holds("\"added_tokens\"") && holds("\"model\"")))
      return "the tokenizer of another program (tokenizer.json), which is not read; give text, from which attend makes its own vocabulary";
    if (holds("\"[UNK]\":") || holds("\"<unk>\":") || holds("\"<|endoftext|>\":"))
      return "the vocabulary of another program (vocab.json), which is not read; give text, from which attend makes its own";
  }
  if (begin.starts_with("#version: 0."))
    return "a list of BPE merges (merges.txt), which is not read; give text, from which attend makes its own vocabulary";
  if (is_piece_list(begin))
    return "a list of SentencePiece pieces (.vocab), which is not read; give text, from which attend makes its own vocabulary";
  return {};
}

/// A model of SentencePiece: its first field is a piece, which is `<unk>` or `<pad>`.
bool is_sentencepiece_model(std::string_view bytes) {
  const auto begin = bytes.substr(0, 32);
  return begin.starts_with('\x0a') && begin.find("\x0a\x05<unk>") != begin.npos;
}

Finding binary_finding(std::string_view bytes) {
  if (const auto* magic = magic_of(bytes)) return {magic->what, magic->cure};
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06")) return zip_kind(bytes);
  if (bytes.size() < 16) return {};
  if (bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") return {"a WebP picture", kConvert};
  if (bytes.substr(4, 4) == "ftyp" && holds_binary(bytes)) return {"an AVIF, HEIC or MP4 file", kConvert};
  if (bytes.starts_with("BM") && bytes.substr(6, 4) == "\0\0\0\0"sv) return {"a BMP picture", kConvert};
  if (is_sentencepiece_model(bytes))
    return {"a SentencePiece model", "it is not read; give text, from which attend makes its own vocabulary"};
  if (bytes[8] == '{' && bytes.substr(4, 4) == "\0\0\0\0"sv)
    return {"a safetensors file", "weights alone are not read; a model is the folder that attend train --out made"};
  return {};
}

}  // namespace

std::string binary_kind(std::string_view bytes) { return std::string(binary_finding(bytes).what); }

std::string foreign_file(std::string_view bytes, bool documents) {
  if (bytes.starts_with("version https://git-lfs.github.com/spec/"))
    return "this is a pointer of Git LFS, not the file itself; get it with git lfs pull";
  if (const auto found = binary_finding(bytes); !found.what.empty()) return fmt::format("this is {}; {}", found.what, found.cure);
  const auto document = documents ? document_kind(bytes) : std::string_view{};
  return document.empty() ? std::string() : fmt::format("this is {}", document);
}

}  // namespace attend
