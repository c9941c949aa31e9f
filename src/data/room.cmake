# libcsv knows neither pkg-config nor CMake.
find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)

attend_room(data
  SOURCES corpus.cpp batches.cpp babi.cpp cloze.cpp table.cpp csv_rows.cpp json_rows.cpp columns.cpp labelled.cpp text_stream.cpp
          captions.cpp image_store.cpp picture_folder.cpp idx.cpp image.cpp png.cpp jpeg.cpp orientation.cpp
  KNOWS text
  HIDES PkgConfig::png PkgConfig::jpeg PkgConfig::archive csv)
set(tests corpus_test batches_test story_formats_test labelled_test foreign_files_test text_stream_test captions_test idx_test image_test
  pictures_test picture_folder_test)
list(TRANSFORM tests PREPEND ${PROJECT_SOURCE_DIR}/tests/data/)
list(TRANSFORM tests APPEND .cpp)
attend_test(data_tests KNOWS data LIBS PkgConfig::jpeg PkgConfig::archive LABELS unit SOURCES ${tests})
