# Data made by rule: generate*.cpp and what belongs to it, with its tests.
set(text_generators
  generate_phrasebook.cpp generate_sequences.cpp phrasebook_phrase.cpp phrasebook_words.cpp phrasebook_nouns.cpp
  phrasebook_grammar.cpp phrasebook_statements.cpp phrasebook_modals.cpp phrasebook_things.cpp phrasebook_questions.cpp
  phrasebook_clauses.cpp phrasebook_speech.cpp phrasebook_travel.cpp
  choice.cpp generate_files.cpp generate_headlines.cpp generate_spelling.cpp generate_commands.cpp generate_parity.cpp generate_bits.cpp story_world.cpp generate_stories.cpp
  generate_clozes.cpp generate_polarity.cpp generate_sentences.cpp generate_shapes.cpp generate_digits.cpp)
set(text_generator_tests generate_test.cpp generate_sequences_test.cpp generate_pairs_test.cpp generate_commands_test.cpp generate_stories_test.cpp
  generate_opinions_test.cpp generate_pictures_test.cpp)

# Each of these names its own sizes and words, by the same names as the next.
foreach(generator IN ITEMS commands headlines spelling parity stories clozes polarity sentences shapes digits)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/text/generate_${generator}.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endforeach()

# Published formats, and pictures.
set(text_readers lines.cpp sniff.cpp reading_report.cpp babi.cpp cloze.cpp table.cpp csv_rows.cpp json_rows.cpp columns.cpp labelled.cpp
  text_stream.cpp captions.cpp image_store.cpp picture_folder.cpp idx.cpp image.cpp png.cpp jpeg.cpp orientation.cpp)
set(text_reader_tests story_formats_test.cpp labelled_test.cpp foreign_files_test.cpp text_stream_test.cpp captions_test.cpp idx_test.cpp
  image_test.cpp pictures_test.cpp picture_folder_test.cpp)
# libcsv knows neither pkg-config nor CMake.
find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)

attend_room(text
  SOURCES unicode.cpp vocabulary.cpp word_cuts.cpp words.cpp characters.cpp symbols.cpp whole_lines.cpp line_sample.cpp pieces.cpp tokenizer.cpp corpus.cpp
          batches.cpp ${text_readers} ${text_generators}
  KNOWS core
  HIDES PkgConfig::utf8proc PkgConfig::sentencepiece PkgConfig::png PkgConfig::jpeg PkgConfig::archive ZLIB::ZLIB csv)
list(APPEND text_generator_tests ${text_reader_tests})
list(TRANSFORM text_generator_tests PREPEND ${PROJECT_SOURCE_DIR}/tests/text/)
attend_test(text_tests KNOWS text LIBS PkgConfig::jpeg PkgConfig::archive LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/text/unicode_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/words_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/tokenizer_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/corpus_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/batches_test.cpp ${text_generator_tests})
