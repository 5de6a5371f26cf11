/* BIP-39 phrases, Substrate seeds and derivation against @polkadot/keyring. */
#include "codec/bip39.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/ss58.h"
#include "crypto/sha256.h"

/* Made with npm @polkadot/keyring 14.0.3 (type ed25519, ss58Format 66) and its
 * @polkadot/util-crypto (mnemonicToMiniSecret); entropy i is the start of SHA-256("crust bip39
 * vector i"). The last two are Substrate's well-known development phrase, on which Python
 * substrate-interface agrees. */
static const struct {
    const char *entropy, *phrase, *password, *path, *mini, *public_key, *address;
} rows[] = {
    { "6c265723853d96a5059550cb990f8241",
      "history crawl similar apology sunny family bind present slide silent they lonely", "", "",
      "af1589d27eb7c5c6747f0f9a1190be9f197e6d0a85e97f0431445e480fe50599",
      "0fae991aa51afad10216bf5af377958f174191d49346fff2fbbbbfda64e38999",
      "cTGhCRyuLGENkXgr3k71RUynotE4sJiouaFVe1Foe8ARexPU7" },
    { "09784240c65e5b6842c4a2d9d84e0e17",
      "annual search mother million toss reflect arch nephew supply second logic copper",
      "p\303\244ssw\303\266rd", "//Alice",
      "44ab87b72e15c522f84dceb849dd24ef39a9e090ca503fef56ad117f7eab3ac2",
      "410ebe530bdbb8e5ecc4793e568477a0a1449fb409a9f700c4af47ccb8852f15",
      "cTHowLcj2JCRuX3dRnGXgsVcZXM7EMR2zybg5c1RsTUP3GCaJ" },
    { "2efe781e8ba4381f45e794e9666ae925",
      "confirm video amateur blanket drum autumn bleak verb truly crew ripple enjoy", "", "//0",
      "d8bde5bd672547c139423d8131c07759c72191f536b4b20b81bc80c6b69048da",
      "80a7d960d2fc78ac3c2277dc1a89f911aadc2b72ff83874a8ffbb66464d814b5",
      "cTKFKqY6PiPW4PB4VN5khnqiFZ1epNQ4Lbo2DFiuuBNeDioEP" },
    { "05430b69ba2ed1889ec7e96d3cd5050f",
      "aim blue surprise inmate unfair session kitchen wood honey trade donor busy",
      "p\303\244ssw\303\266rd", "//polkadot//1",
      "17e5c8826a131eba9bfb132a013a16fa0d5191f4291c12ba1b3f226668f5b651",
      "8153d86cd499d5a0d13d8251289f646cbc4354bc7f2d055d722cba1bf1c43e78",
      "cTKGCvxrMJzyHtoyDJ7cgB6nK9Na1bVjargwttjxDjqB7Uh7m" },
    { "9a2d39de976ef52c1f4cbaa33c06e735",
      "olive hawk jeans conduct urban noodle large nuclear permit then right hill", "",
      "//a-name-that-is-longer-than-thirty-two-bytes-so-it-is-hashed",
      "d42fa19dab1d85f2bc10c0373aa6407bc670b33b99ba26109da5304c3267dcd7",
      "25594199a1a9d7c6727063b76a92ca0b237fb3b74d140fd2a1d17d2db6af7724",
      "cTHBc8gFdWrbFYam6WhQDuZ53F7XRT8nEQCErDuXqyna1tNit" },
    { "e7180b50033a1ff9f338873303e87fd41263dfb1",
      "train scare staff all peanut woman smooth axis credit butter cable popular change used "
      "shove",
      "", "", "990e3f1d528ad85da9ad3d18fbed388c6d5c3de4e631b6c379905493ee2b721d",
      "192b9d8a8886facab4c006ec30275ca4010233f2f7e1566afc36ad7064c16dcd",
      "cTGudzyaAsfgQEC3YPhCf93xSkgBvQetVumTp3Hy2VJeZfX6B" },
    { "8702d109eacad55dfa5aa2af2be9277f41376e1a",
      "mandate bird draw stereo pull puzzle truly february quality gap endorse write beach require "
      "hawk",
      "", "//18446744073709551615",
      "021e97d867320f534ab53755337458ffe0295cb95811c073c74287ac5ecf2353",
      "3e197e1e05be6babb2199efe0f373430bc00e4b98357a04b02763b64942e9ab9",
      "cTHk4PVKUHxEgjiv2FJhRs1DHyNf9QA2oXiLR5WbPuYC8FtKV" },
    { "32a53e8751b2d6cbe331b705aa46be09556bfe77",
      "crawl clarify peace pet coin grass mimic dad aisle fall question bargain find you tent", "",
      "//007//Bob//stash", "599234c7ad876541ecbb1586505b2ffe3a360f61e5ea245fed583de00891d2da",
      "420df06816d519e4e3934bde00305de509f8ab1ba10c34bc0a47034996f18111",
      "cTHqF9XzXbZSydqAYqgcSH122gbg2jBih6xQoMSyFFN3jKJAw" },
    { "1bcf1a9fdae904c9f584fb77a653118fe5adbc0b",
      "bridge juice pony remind motion gossip stock panda jeans crater settle cabin food task "
      "collect",
      "", "", "de8cc8e9c859952686fd0999ef75b355da4da1d3435cfd3a9803f47c23b0ff8b",
      "42cc5e9407d652a6dbc61504fa73228b26597d4a27669a57b927a0c5b4473ab5",
      "cTHrDiaEf1kL1hayrqXZPNobWzQHUxN98MBLLKnUAGqcFrwkA" },
    { "73569d9da5109c706b2a420fef4613fc822806da",
      "infant reject guess enforce antenna deal protect embark avocado kick lumber weekend card "
      "address heart",
      "", "//exactly-32-bytes-long-with-pref",
      "30744dc951e9cc0998de60c3c919253064c12d78514e57a37f983e023fd2abe1",
      "9286b4904ded9266307103c81540470972174fc28950d55304f1c84837418e2a",
      "cTKekrUSvAEGbBNBU2mLs96okdAokNTbPmoaaTDUdJCaJy6Sr" },
    { "79ccd0c142bae294252c16ede5e5c470ec679f1e36aa2b1e",
      "keep grief core lyrics purchase energy net lizard unknown connect illegal tide shoe sort "
      "juice stem climb wage",
      "pw", "//Z\303\274rich", "6b7fbd4dc12230e9664b9ba0fff4d47b359468ba675b7351cabf2c816437f692",
      "81221e4fafbd8e208da7e4a830886c318a1390150a65b32c0c018c5e8073a073",
      "cTKFxABpanpz8RNBRwYxt7j1gfPLq2gwqKcxC2UTMFo3BQ9mZ" },
    { "d3c4c7d93d99b51219c9225355c7d609018f05909d1522b0",
      "stable change wagon kite opera math grunt cattle fashion purchase void bamboo body lizard "
      "draw pencil cargo liar",
      "a", "", "a29d062269cb1d312a6cefce9f04fa227143065d709175f2c9f811f0a566c24f",
      "19ffe68369421533d1bd53071d32e1f5acac4fc9d0518ce856648b7ef4f3c8f0",
      "cTGvj4ZaCxgcVFaDY3X5Qn3833xeY5YRcJTjSm2ZXUxPqNStb" },
    { "2568a2ee19eb8399ecdc3266d8855a23bde2d3df18686e86",
      "century eagle romance critic return smooth recall main grocery service final electric taste "
      "hazard ladder artist hub coyote",
      "pw", "", "b4c2ba6c7f720690cd28143112134dbe096f4463718616618f0c3bafed2a313e",
      "8e0881ecb7ce1c8795a2d08e411aa2a50f67597af1667d991bf1ee748644b20e",
      "cTKYsB2Xdn3chQbRqcp6bQGtGPSwzvnHKefS4j842Tytzsb3x" },
    { "d82c8ea0e1572f85cb51ed7506bbf035056cd9c58479b774",
      "subway good popular section indicate seed coil diet insect cupboard winter head fine hollow "
      "bid monkey resist pony",
      "a", "//Alice", "a4410b030be5b40662482afebaea3b04c1b10d03098eac5df025d91b10590eaf",
      "b91db8936afbdeced29ad91cfc61d7b3ef0354dc213283a61345d1b8eb6ed3a0",
      "cTLXMXx8iz5oSV8zdydKxjKWxmmCD9gQH1Jhi9LEeoLqX9j3j" },
    { "dcb6963216943f0e5532bae3ceb7ec78b4fbc73b3e26514f",
      "syrup regret milk coffee dumb mango feel firm toilet interest wild vapor exile toe undo "
      "shadow eyebrow joke",
      "pw", "//0", "194a39288941349d6f0ae4fe7171f55edf4640539c0689d533e0fe8b5f12f2aa",
      "57b07dd2c7497245d12af686040f6c8d8abebf6e7a666e6e7136eee14b72a038",
      "cTJKcSa6uGHEKcF9Lyjyq8PiiGcpCpNVnbaojQXGNXkqWnBxd" },
    { "8898fe3b50d5ef2a375f71ef99dd7dc2198d6d99cf6a1c97e530f76a",
      "mass side mom payment galaxy never talent until usage solve garage loud occur replace grunt "
      "unhappy broken sand equip uphold pattern",
      "", "//polkadot//1", "6e8fd21e42c5720188f65d2d8bbcee5dcaa4f1b6bf3960109d263d8c2f745a58",
      "16db764d0f2b100ff29200f18abb383cdc238919e07f35155172fd4f64df945c",
      "cTGrc6QtVUX9euFkFinTq76KGTVTbfjgiXWapLcGCe3fZKcBs" },
    { "8bf4706c05cbfe3f39d728376bad7009e015c0dcf37202f84f4bbefc",
      "message phone brand argue say buzz trap topic danger frost foster because access there "
      "inherit hour actual second spray law seat",
      "", "//a-name-that-is-longer-than-thirty-two-bytes-so-it-is-hashed",
      "5af2cce5af473a97b04ada7e66c6495c495aeba820b5ef4d106322c52e794aa1",
      "14552a24f8db98a3efddde3235ac40f6040e16fbc754b5ee61b08c5fe73c33c1",
      "cTGoJ6xzdQUGkRwxad5fEZKyxsTaUzbexuaJ6RyLk4SVPh7Fu" },
    { "ce0a834dd3ec31c99b58fcb00f35cd8a729bc151ece2683cc57a2b1a",
      "sock favorite square pond seek tooth hope buzz quote keen inflict belt claim thing element "
      "ordinary habit tower future file position",
      "", "", "bd19af1b3f0082cc8d64d29a337509756f82826f65158f4bcf7e9d3493a2df8a",
      "0f159017f1a10a9e96f4c90b39f1fd0964be510bd93bded13d30256921c05ecb",
      "cTGgQyFGZwzs1iGWBXuaWhKma1F1bcdQL9kFe7caaT8wcBjcN" },
    { "8ae9384555e9383af1d69b121aaf8fd21a87f829481f44d43faf7283",
      "memory endorse bacon profit near buddy shrug square bamboo step token picnic position "
      "winter pioneer advance dynamic peanut type topic daring",
      "", "//18446744073709551615",
      "6ce00811cf9c555f8b874db15fbe0735072ee1672f7f43eb79fb8bab481fce3d",
      "d82f0455ffcbdf681f8e0a96e6838102e8700571f471cf07ce436c1e71e10786",
      "cTME6A3rzA5bC66qg7pASqug4ToTd8JWfrQ6Xn9ijqZNcNN7i" },
    { "4f6ded9a3d240b55745be352dccb445420f95d175b47a451dcf5aab9",
      "exhaust hunt grief kid doll primary sphere ladder fan town speed portion auto purse frost "
      "happy picture moment dice fever noodle",
      "", "//007//Bob//stash", "071918eb9d81b2aa65b3625e833dd1fe8e0d10b7fb650df408da0271c0b710cb",
      "c92fbd21645d2309fc13744bc7e2a587653e453f384eba375c0fa2dbb13e7742",
      "cTLtRepxgE2xegtTqyBbatScbCQomGWHT1GAA3k3BCC1sgSMW" },
    { "db3c6827f5e741c289a7cf2e8268a41b3f3543871db6385904fdfa3545e28605",
      "swamp today antique type inject throw charge wheat company battle cinnamon cushion viable "
      "peace broccoli replace debate sight disorder virtual february vanish blossom rely",
      "correct horse battery staple", "",
      "22b6996e7138c152dd4778dc180ebec0d21dcbc9a276527813f743aa1d1179e5",
      "eb18a405f003cd16c872321bc91c390d20a848069aa63e1074aa39b323049ee0",
      "cTMetRHXcfWodBDGUy18GNLwmRAbhr3dAvCwBDSgM3cWwTBtH" },
    { "7bb91401bbc01f239b48e060aea0a2762e3655ca443c8af063ef066272a09beb",
      "knife silly about jealous acid mushroom honey bright gaze insect chuckle unable toddler "
      "cliff cinnamon maple memory loan wink art cheese expect hurry gun",
      "", "//exactly-32-bytes-long-with-pref",
      "ea85888f439bbd439e6aecef528fcfd583057a6d87948cc54b68b3d47713dd27",
      "250c2018e15c37045a93bb5b6de75f61825aa9895cb5f94e9741b1b9df3885a7",
      "cTHBDDk5mc9UQwWHRVbHup9EGN6FZvEv5Cmy8dARvrkRXJGCo" },
    { "49c88c4cc438ae1e21eacd27958ebf1e0e7ffaf4e4a8af413e285d7abd02604c",
      "endorse dutch basket mask memory audit marble fluid chest property quit despair tree word "
      "squeeze never quantum antique meat road profit license license local",
      "correct horse battery staple", "//Z\303\274rich",
      "0f01e3d352da3870fbff37177b3ec5c456c7d47a5adcfb4874d8abbe2d860ae2",
      "7075ae0c2d6d8253ff3cd83fde24e97b9c63d3a575e08a8410077224da05dabe",
      "cTJt6AhmP1vfevb1B4HRrCMniHsiRGKmHPRfEdVK3aUtLjCy5" },
    { "80ca5cf0e09f63707f758b02cd2908734ffd3852da5cb76de0514e99781c92a0",
      "liar fancy destroy scorpion wage return worry ramp actress harsh dragon track zone order "
      "enter entire resist humor begin outdoor nurse atom enhance allow",
      "", "", "ac77556cff9d462e599a5cce3d27003af7af40597051753e898a237c17e0c721",
      "0db3897ecea657b3d03c1e50cf11f91e5b742dd0203fc5a86c8e13f26e20c516",
      "cTGeboXPV942ZhrpPQK6SPqQWCXQXUutjGVqU4bHtBY1nA7d4" },
    { "9fd98466c106f72460cd2a596ffea998dc417f3b2545c9a9c4fbb7ed165823d1",
      "panther slow boost link hunt mutual lobster pipe floor lend price coyote series sauce uncle "
      "post situate evolve discover hurt sphere clown monster dish",
      "correct horse battery staple", "",
      "041883452d71566f7fc02580318b63db84bb9a8eef47628d5370747dd6a1ef74",
      "f0bd9a8d5fc64a01e09e838c14b014bce00e899fe40d5df9c53e8c060ec6d5e8",
      "cTMnHfREsixd9eSW1sp8xx9Kxg6311xxj1x6mF4fBgu5REAA6" },
    { "", "bottom drive obey lake curtain smoke basket hold race lonely fit walk", "", "",
      "fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e",
      "345071da55e5dccefaaa440339415ef9f2663338a38f7da0df21be5ab4e055ef",
      "cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp" },
    { "", "bottom drive obey lake curtain smoke basket hold race lonely fit walk", "", "//Alice",
      "fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e",
      "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee",
      "cTKS5moMFjX87JSbY2XtTfJoRY3KYBPd2KaS3WjtgiHCMQGYL" },
};

static void phrases_seeds_and_addresses_are_those_of_polkadot_wallets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t entropy[32], want[32];
        size_t n = 0;
        char text[BIP39_TEXT_MAX], hex[65];
        CHECK_OK(bip39_parse(entropy, &n, span_str(rows[i].phrase)));
        if (rows[i].entropy[0] != '\0') {
            CHECK(n == strlen(rows[i].entropy) / 2);
            CHECK_OK(hex_parse(want, n, rows[i].entropy));
            CHECK(memcmp(entropy, want, n) == 0);
        }
        CHECK_OK(bip39_format(text, span_of(entropy, n)));
        assert_string_equal(text, rows[i].phrase);
        struct secret seed;
        CHECK_OK(bip39_seed(&seed, span_of(entropy, n), span_str(rows[i].password)));
        hex_format(hex, span_of(seed.b, 32));
        assert_string_equal(hex, rows[i].mini);
        struct ed25519_key key;
        CHECK_OK(bip39_keypair(&key, span_str(rows[i].phrase), span_str(rows[i].password),
                               span_str(rows[i].path)));
        hex_format(hex, span_of(key.public_key, 32));
        assert_string_equal(hex, rows[i].public_key);
        char address[SS58_TEXT_MAX];
        ss58_format(address, key.public_key);
        assert_string_equal(address, rows[i].address);
    }
}

static void word_list_is_the_published_file(void **state)
{
    (void)state;
    struct sha256 h;
    uint8_t digest[32];
    char hex[65];
    sha256_init(&h);
    for (size_t i = 0; i < BIP39_WORD_COUNT; i++) {
        sha256_update(&h, span_str(bip39_words[i]));
        sha256_update(&h, span_str("\n"));
        CHECK(i == 0 || strcmp(bip39_words[i - 1], bip39_words[i]) < 0);
    }
    sha256_final(&h, digest);
    hex_format(hex, span_of(digest, 32));
    assert_string_equal(hex, "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
}

static void a_phrase_is_read_as_people_type_it(void **state)
{
    (void)state;
    uint8_t entropy[32];
    size_t n = 0;
    CHECK_OK(bip39_parse(entropy, &n,
                         span_str("  Bottom DRIVE obey\tlake curtain smoke\n basket hold race "
                                  "lonely fit   walk \r\n")));
    CHECK(n == 16);
}

static void wrong_phrases_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } bad[] = {
        { "", ERR_RANGE },
        { "bottom", ERR_RANGE },
        { "bottom drive obey lake curtain smoke basket hold race lonely fit", ERR_RANGE },
        { "bottom drive obey lake curtain smoke basket hold race lonely fit walk walk", ERR_RANGE },
        { "bottom drive obey lake curtain smoke basket hold race lonely fit fit", ERR_CORRUPT },
        { "drive bottom obey lake curtain smoke basket hold race lonely fit walk", ERR_CORRUPT },
        { "bottom drive obey lake curtain smoke basket hold race lonely fit walks", ERR_NOT_FOUND },
        { "bottom drive obey lake curtain smoke basket hold race lonely fit walkabouts",
          ERR_NOT_FOUND },
        { "bottom,drive obey lake curtain smoke basket hold race lonely fit walk walk",
          ERR_NOT_FOUND },
        { "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
          "zoo zoo zoo zoo zoo",
          ERR_RANGE },
    };
    uint8_t entropy[32], zero[32] = { 0 };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t n = 1;
        memset(entropy, 1, sizeof(entropy));
        CHECK_ERR(bip39_parse(entropy, &n, span_str(bad[i].text)), bad[i].want);
        CHECK(n == 0 && memcmp(entropy, zero, 32) == 0);
    }
    char text[BIP39_TEXT_MAX];
    for (size_t size = 0; size <= 32; size++) {
        bool legal = size >= 16 && size % 4 == 0;
        CHECK_ERR(bip39_format(text, span_of(zero, size)), legal ? OK : ERR_RANGE);
        struct secret seed;
        CHECK_ERR(bip39_seed(&seed, span_of(zero, size), span_str("")), legal ? OK : ERR_RANGE);
    }
    CHECK_OK(bip39_format(text, span_of(zero, 16)));
    assert_string_equal(text, "abandon abandon abandon abandon abandon abandon abandon abandon "
                              "abandon abandon abandon about");
}

static void every_single_wrong_word_is_caught_as_often_as_the_checksum_can(void **state)
{
    (void)state;
    /* Twelve words carry four checksum bits: about one wrong last word in sixteen passes. */
    uint8_t entropy[32];
    size_t n = 0, passed = 0;
    for (size_t i = 0; i < BIP39_WORD_COUNT; i++) {
        char text[BIP39_TEXT_MAX] =
            "bottom drive obey lake curtain smoke basket hold race lonely fit ";
        memcpy(text + strlen(text), bip39_words[i], BIP39_WORD_MAX);
        passed += bip39_parse(entropy, &n, span_str(text)) == OK;
    }
    CHECK(passed == 128);
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum err want;
    } table[] = {
        { "", OK },
        { "//a", OK },
        { "//18446744073709551615", OK },
        { "//18446744073709551616", ERR_RANGE },
        { "//00000000000000000000000000001", OK },
        { "a", ERR_FORMAT },
        { "//a/b", ERR_UNSUPPORTED },
        { "/a", ERR_UNSUPPORTED },
        { "/", ERR_UNSUPPORTED },
        { "//", ERR_FORMAT },
        { "////a", ERR_FORMAT },
        { "//a//", ERR_FORMAT },
        { "//+5", ERR_FORMAT },
        { "//1//2//3//4//5//6//7//8//9//10//11//12//13//14//15//16", OK },
        { "//1//2//3//4//5//6//7//8//9//10//11//12//13//14//15//16//17", ERR_LIMIT },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct secret seed = { { 5 } }, before = seed;
        CHECK_ERR(bip39_derive(&seed, span_str(table[i].path)), table[i].want);
        bool same = memcmp(&seed, &before, sizeof(seed)) == 0;
        CHECK(same == (table[i].want != OK || table[i].path[0] == '\0'));
    }
    struct secret a = { { 5 } }, b = a;
    CHECK_OK(bip39_derive(&a, span_str("//7")));
    CHECK_OK(bip39_derive(&b, span_str("//007")));
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phrases_seeds_and_addresses_are_those_of_polkadot_wallets),
        cmocka_unit_test(word_list_is_the_published_file),
        cmocka_unit_test(a_phrase_is_read_as_people_type_it),
        cmocka_unit_test(wrong_phrases_are_refused),
        cmocka_unit_test(every_single_wrong_word_is_caught_as_often_as_the_checksum_can),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
