attend_room(synthetic
  SOURCES choice.cpp generate_files.cpp generate_sequences.cpp generate_phrasebook.cpp phrasebook_phrase.cpp phrasebook_words.cpp phrasebook_nouns.cpp
          phrasebook_grammar.cpp phrasebook_statements.cpp phrasebook_modals.cpp phrasebook_things.cpp phrasebook_questions.cpp
          phrasebook_clauses.cpp phrasebook_speech.cpp phrasebook_travel.cpp story_world.cpp generate_stories.cpp generate_clozes.cpp
          generate_headlines.cpp generate_spelling.cpp generate_commands.cpp generate_parity.cpp generate_bits.cpp generate_polarity.cpp
          generate_sentences.cpp generate_shapes.cpp generate_digits.cpp
  KNOWS data)
# Each of these names its own sizes and words, by the same names as the next.
foreach(generator IN ITEMS commands headlines spelling parity stories clozes polarity sentences shapes digits)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/synthetic/generate_${generator}.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endforeach()
set(tests generate_test generate_sequences_test generate_pairs_test generate_commands_test generate_stories_test generate_opinions_test
  generate_pictures_test)
list(TRANSFORM tests PREPEND ${PROJECT_SOURCE_DIR}/tests/synthetic/)
list(TRANSFORM tests APPEND .cpp)
attend_test(synthetic_tests KNOWS synthetic LABELS unit SOURCES ${tests})
