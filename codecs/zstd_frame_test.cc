#include "codecs/zstd_frame.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

#include "codecs/dump_part.h"
#include "io/error.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

std::string sample(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < bytes) text += "{\"Item\":{\"pk\":{\"S\":\"" + std::to_string(random() % 1000) + "\"}}}\n";
  text.resize(bytes);
  return text;
}

std::string compressed(FrameCodec& codec, std::string_view plain) {
  Buffer out;
  codec.compress(plain, out);
  return std::string(out.view());
}

std::string problem(FrameCodec& codec, std::string_view stored, std::size_t plain_bytes) {
  Buffer out;
  try {
    codec.decompress(stored, plain_bytes, out);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_TRUE(out.empty());
    return error.what();
  }
  return "sound";
}

TEST(ZstdFrame, RoundTripsWithReusedContexts) {
  FrameCodec codec;
  Buffer out;
  for (std::size_t bytes : {0, 1, 100, 131072, 131073, 1'000'000}) {
    const std::string plain = sample(bytes, static_cast<unsigned>(bytes));
    codec.decompress(compressed(codec, plain), plain.size(), out);
    EXPECT_EQ(out.view(), plain);
  }
}

TEST(ZstdFrame, AppendsAndStatesSizeAndChecksum) {
  FrameCodec codec;
  Buffer out(std::string_view("before"));
  codec.compress("some text", out);
  ASSERT_TRUE(out.view().starts_with("before"));
  const std::string_view frame = out.view().substr(6);
  EXPECT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), 9u);
  EXPECT_EQ(static_cast<unsigned char>(frame[4]) & 0x04, 0x04);  // Content_Checksum_Flag of RFC 8878
}

TEST(ZstdFrame, RefusesAllButExactlyOneFrameOfExactlyThatSize) {
  FrameCodec codec;
  const std::string plain = sample(5000, 1);
  const std::string stored = compressed(codec, plain);
  EXPECT_EQ(problem(codec, stored, 5000), "sound");
  EXPECT_EQ(problem(codec, stored, 5001), "zstd frame: it claims 5000 bytes of content instead of 5001");
  EXPECT_EQ(problem(codec, stored, 4999), "zstd frame: it claims 5000 bytes of content instead of 4999");
  EXPECT_EQ(problem(codec, stored + stored, 5000), "zstd frame: it ends after " + std::to_string(stored.size()) +
                                                       " of " + std::to_string(2 * stored.size()) + " bytes");
  EXPECT_EQ(problem(codec, "", 0), "zstd frame: it does not begin with zstd's magic number");
  EXPECT_EQ(problem(codec, encode_header({}), 0), "zstd frame: it does not begin with zstd's magic number");
  for (std::size_t length = 0; length < stored.size(); ++length) {
    const std::vector<char> cut(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_NE(problem(codec, {cut.data(), cut.size()}, 5000), "sound");
  }
  EXPECT_EQ(problem(codec, stored, 5000), "sound") << "the codec is usable after errors";
}

// Without a content size in the frame the caller's size is all there is.
std::string frame_without_size(std::string_view plain) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return out;
}

TEST(ZstdFrame, EndsWithTheChecksumOfItsContent) {
  FrameCodec codec;
  for (const std::size_t length : {0u, 1u, 5000u, 300'000u}) {
    const std::string plain = sample(length, 6);
    EXPECT_EQ(content_checksum(compressed(codec, plain)), xxh64_low32(plain)) << length;
  }
  EXPECT_EQ(content_checksum(frame_without_size(sample(5000, 2))), std::nullopt) << "a frame without a checksum";
  EXPECT_EQ(content_checksum(""), std::nullopt);
  EXPECT_EQ(content_checksum("\x28\xB5\x2F\xFD\x24"), std::nullopt);
}

TEST(ZstdFrame, OfOneContentIsTheSameWhateverTheCodecMadeBefore) {
  const std::string small = sample(20'000, 7);
  const std::string large = sample(600'000, 8);
  for (const int level : {1, 3, 5}) {
    FrameCodec codec(level), fresh_small(level), fresh_large(level);
    const std::string small_frame = compressed(fresh_small, small);
    const std::string large_frame = compressed(fresh_large, large);
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(compressed(codec, small), small_frame);
      EXPECT_EQ(compressed(codec, large), large_frame);
    }
    EXPECT_EQ(problem(codec, large_frame, large.size()), "sound");
  }
}

TEST(ZstdFrame, FramesWithoutContentSizeAreHeldToTheSizeGiven) {
  FrameCodec codec;
  const std::string stored = frame_without_size(sample(5000, 2));
  EXPECT_EQ(problem(codec, stored, 5000), "sound");
  EXPECT_EQ(problem(codec, stored, 5001), "zstd frame: it holds 5000 bytes instead of 5001");
  EXPECT_NE(problem(codec, stored, 4999), "sound");
  EXPECT_EQ(problem(codec, stored, std::size_t{1} << 40),
            "zstd frame: " + std::to_string(stored.size()) + " bytes cannot hold 1099511627776");
}

TEST(ZstdFrame, EveryFlippedBitIsFound) {
  FrameCodec codec;
  const std::string plain = sample(600, 3);
  const std::string stored = compressed(codec, plain);
  for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
    std::string damaged = stored;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Buffer out;
    try {
      codec.decompress(damaged, plain.size(), out);
      EXPECT_EQ(out.view(), plain) << bit;  // bits of the header that mean nothing
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    }
  }
}

TEST(ZstdStream, DecodesFramesAndSkipsOthersInPiecesOfAnySize) {
  FrameCodec codec;
  const std::string one = sample(300'000, 4);
  const std::string two = sample(10, 5);
  const std::string file =
      encode_header({}) + compressed(codec, one) + compressed(codec, "") + compressed(codec, two) + encode_footer({});
  std::mt19937 random(6);
  for (int round = 0; round < 20; ++round) {
    ZstdStream stream;
    EXPECT_TRUE(stream.at_frame_end());
    Buffer out;
    std::size_t fed = 0;
    while (fed < file.size()) {
      const std::size_t length = std::min<std::size_t>(1 + random() % 5000, file.size() - fed);
      std::string_view input = std::string_view(file).substr(fed, length);
      fed += length;
      std::size_t grown = 0;
      do {
        const std::size_t before = out.size();
        const std::size_t most = 1 + random() % 20'000;
        stream.push(input, out, most);
        grown = out.size() - before;
        ASSERT_LE(grown, most);
      } while (!input.empty() || grown > 0);
    }
    EXPECT_TRUE(stream.at_frame_end());
    EXPECT_EQ(out.view(), one + two);
  }
}

TEST(ZstdStream, AFileThatIsCutShortDoesNotEndBetweenFrames) {
  FrameCodec codec;
  const std::string stored = compressed(codec, sample(1000, 7));
  for (std::size_t length = 1; length < stored.size(); ++length) {
    ZstdStream stream;
    Buffer out;
    std::string_view input = std::string_view(stored).substr(0, length);
    stream.push(input, out, 100'000);
    EXPECT_FALSE(stream.at_frame_end()) << length;
  }
  ZstdStream stream;
  Buffer out;
  const std::string tail = stored + "\x28";
  std::string_view input = tail;
  stream.push(input, out, 100'000);
  EXPECT_FALSE(stream.at_frame_end());
}

TEST(ZstdStream, RefusesGarbageAndHugeWindows) {
  const auto outcome = [](std::string_view input) -> std::string {
    ZstdStream stream;
    Buffer out;
    try {
      stream.push(input, out, 1000);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
      return error.what();
    }
    return "sound";
  };
  EXPECT_EQ(outcome("{\"Item\":{}}\n"), "zstd stream: Unknown frame descriptor");
  // A frame header with a window descriptor of exponent 21: 2^31 bytes.
  EXPECT_EQ(outcome(std::string_view("\x28\xB5\x2F\xFD\x00\xA8\x01\x00\x00", 9)),
            "zstd stream: Frame requires too much memory for decoding");
}

TEST(Hashes, AreThePublishedOnes) {
  const Sha256 hash = sha256("abc");
  EXPECT_EQ(hash[0], 0xBA);
  EXPECT_EQ(hash[1], 0x78);
  EXPECT_EQ(hash[31], 0xAD);
  EXPECT_EQ(xxh64_low32(""), 0x51D8E999u);
}

}  // namespace
}  // namespace bulk
