#!/usr/bin/env python3
"""Writes the golden values of BLEU and chrF: tests/measure/data/{corpora,tokens,bleu,chrf}.json.

    python3 -m venv VENV && VENV/bin/pip install sacrebleu==2.6.0
    VENV/bin/python tests/measure/make_goldens.py

The sentences below were made up for this file; the rest is drawn from a seeded generator. The same sacreBLEU release gives
the same bytes. Another release is refused: change SACREBLEU here and kSacreBleuVersion in bleu.h together.
"""
import json
import pathlib
import random

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

SACREBLEU = "2.6.0"
TOKENIZERS = ["13a", "zh", "char", "intl", "none"]
FOLDER = pathlib.Path(__file__).parent / "data"

# (name, hypotheses, streams of references; None: this sentence has no such reference)
WRITTEN = [
    ("ferry", ["The ferry to the island leaves at nine.", "Nobody had swept the pier since spring."],
     [["The island ferry leaves at nine.", "Nobody had swept the pier since the spring."]]),
    ("identical", ["Our neighbour's goat ate the newspaper again, all 48 pages of it."],
     [["Our neighbour's goat ate the newspaper again, all 48 pages of it."]]),
    ("nothing_in_common", ["blue lamps hum"], [["seven otters sleep under green bridges"]]),
    ("one_word", ["yes"], [["yes"]]),
    ("two_words_of_three", ["warm bread"], [["fresh warm bread"]]),
    ("three_words", ["a small boat"], [["a small boat"]]),
    ("empty_hypothesis", [""], [["The kettle is still cold."]]),
    ("empty_reference", ["The kettle is still cold."], [[""]]),
    ("both_empty", ["", ""], [["", ""]]),
    ("blank_hypothesis", [" \t ", "We waited by the gate."], [["We waited at the gate.", "We waited by the gate."]]),
    ("some_empty", ["", "Two trains were late tonight.", ""],
     [["One train came early.", "Two trains were late tonight.", "No train ran."]]),
    ("repeated_words", ["the the the the the the the"], [["the cat sat by the stove near the door"]]),
    ("longer_than_reference", ["She opened the old wooden box very slowly and very carefully with both of her hands"],
     [["She opened the old wooden box slowly"]]),
    ("shorter_than_reference", ["She opened the old box"], [["She opened the old wooden box very slowly, with both hands."]]),
    ("numbers", ["It cost 1,299.50 euros, or 3.14 % more than in 1998.", "Rooms 2.,3 and 4-6; call 555-0199.", "Version 2.0-beta3, -5 °C, +7."],
     [["It cost 1,299.5 euros, or 3.14% more than in 1998.", "Rooms 2, 3 and 4-6: call 555-0199.", "Version 2.0-beta 3, -5°C, +7"]]),
    ("final_number", ["The bridge opened in 1931.", "They counted 17,", "Chapter 3."],
     [["The bridge was opened in 1931.", "They counted 17", "Chapter 3 ."]]),
    ("dots", ["Well... maybe.. no.", "1...2", "a.b.c.d", ".,.,.", ".5 and 5."],
     [["Well ... maybe ... no .", "1 ... 2", "a. b. c. d", ". , . ,", "0.5 and 5"]]),
    ("entities", ["He said &quot;tea &amp; toast&quot; twice.", "if a &lt; b &amp;&amp; c &gt; d", "&amp;quot; &amp;lt;b&amp;gt; &apos;s"],
     [['He said "tea & toast" twice.', "if a < b && c > d", "&quot; <b> 's"]]),
    ("skipped_mark", ["A <skipped> word and <skipped>another.", "<b>bold</b>"], [["A word and another.", "<b> bold </b>"]]),
    ("line_ends", ["The light-\nhouse keeper\nslept.", "half-", "co-op-\n", "three\r\nlines\nhere"],
     [["The lighthouse keeper slept.", "half", "co-op", "three lines here"]]),
    ("hyphens", ["a well-known, half-baked plan -- really", "9-to-5 job, 10-year-old", "x--y 1--2"],
     [["a well known half-baked plan - really", "9 to 5 job, 10 year old", "x -- y 1 - 2"]]),
    ("quotes_and_brackets", ["'So' (he said) [quietly] {once} `twice` ~ \"thrice\"", "rock'n'roll isn't dead", "(hi) ((hey)) !?", "\\ | / @ # $ % ^ & * _ ="],
     [["'So', he said [quietly] {once} \"twice\" ~ 'thrice'", "rock 'n' roll is not dead", "(hi ) ( (hey ) ) ! ?", "\\ / | # @ % $ ^ * & = _"]]),
    ("curly_quotes", ["“Why not?” she asked — ‘because’ … it’s late.", "«Oui», dit-il ; „ja“ – nein!"],
     [["\"Why not?\" she asked - 'because' ... it's late.", "« Oui », dit-il; „ja“ - nein !"]]),
    ("chinese", ["小船慢慢地漂过了安静的湖面。", "他把三本书放在窗边的桌子上。"], [["小船慢慢漂过安静的湖面。", "他把那三本书放到窗边的桌上。"]]),
    ("chinese_and_latin", ["我的手机只剩5%的电,Wi-Fi也断了。", "请在Linux上运行make test,再看log.txt。", "第12届比赛于2019年3月在Oslo举行。"],
     [["我手机只剩 5% 的电了，Wi-Fi 也断了。", "请先在 Linux 上运行 make test，再看 log.txt 文件。", "第十二届比赛2019年3月于Oslo举行。"]]),
    ("full_width", ["价格是３．５元（含税）！", "ＡＢＣ，ｄｅｆ；「引号」『双』【括】", "他说：“好，走吧！”——然后笑了……"],
     [["价格是3.5元(含税)!", "ABC,def;「引号」『双』[括]", "他说:“好,走吧!”—然后笑了…"]]),
    ("rare_ideographs", ["𠀀𠁁字 㐀㐁 豈更 ⼀⼁ ㊀㋀ ㄅㄆ", "々〆〇 ﹏﹐ ✂☂ ⿰木"], [["𠀀𠁂字 㐀 㐂豈更 ⼀ ⼂㊀ ㋁ㄅ ㄇ", "々〇 ﹏﹑ ☂✂ ⿱木"]]),
    ("japanese_korean", ["雨の日は傘を持っていきます。", "비가 오면 우산을 가져가세요."], [["雨の日には傘を持って行きます。", "비가 오면 우산을 꼭 챙기세요."]]),
    ("emoji", ["nice work 👍🏽 see you 👩‍👩‍👧 soon!!", "🎉🎉🎉", "I ❤️ Rust... and ☕"], [["nice work 👍 see you soon 👩‍👩‍👧!", "🎉 🎉", "I ❤ Rust … and ☕️"]]),
    ("symbols", ["€5 + £3 = $11?", "a×b÷c ≠ √2 ± ½ ²³ ⅷ", "© 2020™ § 7 ¶ ° † ‰", "10→20 ⇒ ∑x ≤ ∞"],
     [["5 € + 3 £ = 11 $?", "a × b ÷ c ≠ √2 ± 0.5 ² ³ ⅷ", "©2020 ™ §7 ¶° † ‰", "10 → 20 => ∑ x <= ∞"]]),
    ("other_digits", ["١٢٣،٤٥٦ و ٣.١٤", "१,२३४.५ रुपये।", "１，２３４．５"], [["١٢٣٤٥٦ و ٣٫١٤", "१२३४.५ रुपये ।", "１ ，２３４ ．５"]]),
    ("german", ["Der Größte Koch der Straße isst Äpfel, nicht Öl.", "„Übermorgen“ kommt die Post um 7.30 Uhr."],
     [["Der größte Koch der STRASSE isst Äpfel und kein Öl.", "Übermorgen kommt die Post um 7:30 Uhr."]]),
    ("case_pairs", ["İstanbul IĞDIR ılık", "ΟΔΥΣΣΕΥΣ ΚΑΙ ΣΟΦΟΣ, ΣΑΣ'", "Ǆ ǅ ß ẞ Ⅷ Ⓐ", "Σ ΑΣ Α.Σ Σ.Α ΑΣ.Α"],
     [["istanbul ığdır ILIK", "Οδυσσευς και σοφος, σας'", "ǆ ǆ SS ß ⅷ ⓐ", "σ ας α.ς σ.α ας.α"]]),
    ("odd_spaces", ["a\u00a0b\u2003c\u3000d", "e\u200bf\u2028g\u001fh", "  lead and trail  ", "tab\there\x0bthere\x85end"],
     [["a b c d", "e f g h", "lead and trail", "tab here there end"]]),
    ("combining", ["cafe\u0301 nai\u0308ve", "ทดสอบภาษาไทย", "हिन्दी में लिखो"], [["café naïve", "ทดสอบ ภาษา ไทย", "हिंदी में लिखो"]]),
    ("right_to_left", ["הרכבת יוצאת בשעה 7:45.", "وصل القطار متأخراً، أليس كذلك؟"], [["הרכבת תצא בשעה 7:45 .", "وصل القطار متأخرًا ؛ أليس كذلك؟"]]),
    ("urls", ["See https://example.org/a_b?c=d&e=f#g or mail a.b@c.de.", "C:\\temp\\x.txt, v1.2.3-rc.1"],
     [["See https://example.org/a-b?c=d&amp;e=f or write to a.b@c.de .", "C:/temp/x.txt, v1.2.3"]]),
    ("two_references", ["The dog ran across the wet field.", "It rained all the night long."],
     [["A dog ran over the wet field.", "It rained all night."], ["The dog was running across a wet field.", "Rain fell all the night long."]]),
    ("five_references", ["a child in a red coat feeds some ducks"],
     [["a child feeds ducks"], ["a kid in a red jacket is feeding ducks by a pond"], ["a child wearing red feeds some ducks"],
      ["ducks are fed by a small child"], ["the child in a coat feeds the ducks bread"]]),
    ("varying_references", ["The soup is too hot.", "Close the window, please.", "Where is my other shoe?"],
     [["The soup is very hot.", "Please close the window.", "Where's my other shoe?"], ["This soup is too hot.", None, "Where is the other shoe of mine?"],
      [None, None, "I can't find my shoe"]]),
    ("equally_close_lengths", ["one two three four"], [["one two three four five six"], ["one two"]]),
    ("equal_references", ["green tea with honey"], [["green tea with honey"], ["green tea with honey"]]),
    ("one_reference_empty", ["cold milk", ""], [["", "warm milk"], ["cold milk", ""]]),
    ("single_characters", ["a", "。", "!", "ab", "x y"], [["a", "。", "?", "ba", "x y"]]),
    ("chrf_punctuation", ["(one) two, 'three' !four! ?! -- five.", "\"six\" ... (7) «8»"], [["one two 'three four! ! - five", "six . . . 7 8"]]),
]

# Pieces for generated corpora: what tokenisers disagree about.
ALPHABET = list("abzAZ019 .,-'\"&<>()[]{}!?:;/%$#@~`^_|\\\n\t") + list(
    "  ..,,--00119  ") + ["&quot;", "&amp;", "&lt;", "&gt;", "<skipped>", "-\n", "中", "国", "，", "。", "“", "”", "—", "…", "€", "½", "٣", "é", "ß",
                            "Σ", "İ", "ñ", "👍", "\u00a0", "\u3000", "\u200b", "\u0301", "𠀀", "ｱ", "１", "＋", "™", "·"]
VOCABULARY = ("the a of in to and man woman two three dogs bench river runs sits holds red old under over bridge , . market near 12 "
              "children playing with ball is are some young hat on street").split()


def nasty_text(rng):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(0, 40)))


def edited(rng, words):
    out = []
    for word in words:
        choice = rng.random()
        if choice < 0.7:
            out.append(word)
        elif choice < 0.85:
            out.append(rng.choice(VOCABULARY))
        elif choice < 0.9:
            out += [word, rng.choice(VOCABULARY)]
    if rng.random() < 0.2:
        rng.shuffle(out)
    return out


def generated():
    corpora = []
    for number in range(6):  # sentences of common words and edited copies
        rng = random.Random(1000 + number)
        sentences = [[rng.choice(VOCABULARY) for _ in range(rng.randrange(1, 20))] for _ in range(12)]
        streams = [[" ".join(edited(rng, words)) for words in sentences] for _ in range(1 + number % 3)]
        corpora.append((f"generated_words_{number}", [" ".join(words) for words in sentences], streams))
    for number in range(4):  # five references a sentence, as captions have
        rng = random.Random(3000 + number)
        sentences = [[rng.choice(VOCABULARY) for _ in range(rng.randrange(4, 14))] for _ in range(10)]
        streams = [[" ".join(edited(rng, words)) for words in sentences] for _ in range(5)]
        corpora.append((f"generated_words_five_references_{number}", [" ".join(words) for words in sentences], streams))
    for number in range(6):  # signs in any order; the reference shares most of them
        rng = random.Random(2000 + number)
        hypotheses = [nasty_text(rng) for _ in range(20)]
        reference = [nasty_text(rng) if rng.random() < 0.2 else "".join(c for c in text if rng.random() < 0.9) for text in hypotheses]
        corpora.append((f"generated_signs_{number}", hypotheses, [reference]))
    return corpora


def bleu_settings(name):
    settings = [{"tokenize": tokenizer, "lowercase": lowercase} for tokenizer in TOKENIZERS for lowercase in (False, True)]
    if name in {"ferry", "nothing_in_common", "two_words_of_three", "one_word", "generated_words_0", "varying_references", "empty_hypothesis"}:
        settings += [{"smooth_method": "none"}, {"smooth_method": "floor"}, {"smooth_method": "floor", "smooth_value": 0.01},
                     {"smooth_method": "add-k"}, {"smooth_method": "add-k", "smooth_value": 0.5}, {"effective_order": True},
                     {"effective_order": True, "smooth_method": "none"}, {"max_ngram_order": 1}, {"max_ngram_order": 2},
                     {"max_ngram_order": 6}]
    return settings


def chrf_settings(name):
    settings = [{"word_order": order, "lowercase": lowercase} for order in (0, 2) for lowercase in (False, True)]
    if name in {"ferry", "chrf_punctuation", "odd_spaces", "varying_references", "generated_words_1", "single_characters", "empty_reference"}:
        settings += [{"whitespace": True}, {"eps_smoothing": True}, {"eps_smoothing": True, "word_order": 2}, {"beta": 1}, {"beta": 3},
                     {"char_order": 4, "word_order": 1}]
    return settings


def main():
    if sacrebleu.__version__ != SACREBLEU:
        raise SystemExit(f"make_goldens: expected sacrebleu {SACREBLEU}, got {sacrebleu.__version__}")
    corpora, tokens, bleus, chrfs = [], [], [], []
    for name, hypotheses, streams in WRITTEN + generated():
        references = [[stream[i] for stream in streams if stream[i] is not None] for i in range(len(hypotheses))]
        corpora.append({"name": name, "hypotheses": hypotheses, "references": references})
        for text in [] if name.startswith("generated_words") else hypotheses + streams[0]:
            tokens.append({"text": text} | {t: BLEU(tokenize=t)._preprocess_segment(text).split() for t in TOKENIZERS})
        for setting in bleu_settings(name):
            metric = BLEU(force=True, **setting)
            score = metric.corpus_score(hypotheses, streams)
            signature = metric.get_signature().format()
            bleus.append({"corpus": name, "options": setting, "score": score.score, "precisions": score.precisions, "bp": score.bp,
                          "sys_len": score.sys_len, "ref_len": score.ref_len, "line": score.format(width=2, signature=signature)})
        for setting in chrf_settings(name):
            metric = CHRF(**setting)
            score = metric.corpus_score(hypotheses, streams)
            chrfs.append({"corpus": name, "options": setting, "score": score.score,
                          "line": score.format(width=2, signature=metric.get_signature().format())})
    FOLDER.mkdir(exist_ok=True)
    for file, entries in (("corpora", corpora), ("tokens", tokens), ("bleu", bleus), ("chrf", chrfs)):
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        (FOLDER / f"{file}.json").write_text(f'{{"sacrebleu": "{SACREBLEU}", "entries": [\n{lines}\n]}}\n')
    print(f"{len(corpora)} corpora, {len(tokens)} texts, {len(bleus)} BLEU and {len(chrfs)} chrF values")


if __name__ == "__main__":
    main()
