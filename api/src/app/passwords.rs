//! Passwords: argon2id, a bounded number at once.
//!
//! A hash costs tens of milliseconds and megabytes by design. Without a bound, a burst of sign-ins
//! would starve everything else, so beyond a short queue the answer is 503.

use std::sync::{Arc, OnceLock};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};
use linli_domain::{Code, Refusal};
use linli_store::{Env, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;
use zxcvbn::{Score, feedback::Warning, zxcvbn};

use super::StartError;
use crate::config;

/// Shortest password.
const MIN_CHARS: usize = 10;
/// Longest password; more would only cost time.
const MAX_CHARS: usize = 128;

/// Characters that are judged: the cost grows faster than the length, and a password whose beginning
/// withstands guessing does so whole.
const JUDGED_CHARS: usize = 64;

/// Words that people here put together, and lists made elsewhere do not know.
const COMMON: &[&str] = &[
    "linli",
    "邻里",
    "woaini",
    "1314520",
    "5201314",
    "1314",
    "wodemima",
    "mima",
    "guanliyuan",
    "zhongguo",
    "shequ",
    "jiedao",
];

/// Hashes and verifies passwords.
pub struct Passwords {
    hasher: Arc<Hasher>,
    /// Places at work and in the queue.
    places: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

struct Hasher {
    params: Params,
    /// Verified against when there is no such account, so that the time tells nothing.
    nobody: OnceLock<String>,
}

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password, or no such account.
    Wrong,
    /// The password.
    Right,
    /// The password, hashed under parameters that are no longer ours: store this hash.
    RightRehash(String),
}

impl Passwords {
    /// With the parameters of the configuration.
    pub fn new(config: &config::Passwords) -> Result<Self, StartError> {
        let params = Params::new(config.memory_kib, config.passes, 1, None).map_err(|_| {
            StartError::Other("passwords: argon2id does not take these parameters".to_owned())
        })?;
        let workers = config.workers.max(1);
        Ok(Self {
            hasher: Arc::new(Hasher { params, nobody: OnceLock::new() }),
            places: Arc::new(Semaphore::new(workers + config.queue)),
            workers: Arc::new(Semaphore::new(workers)),
        })
    }

    /// Hashes a password that passed [`acceptable`].
    pub async fn hash(&self, env: &Env, password: Zeroizing<String>) -> Result<String, Error> {
        let salt = env.random::<16>();
        self.run(move |hasher| hasher.hash(&password, &salt)).await?
    }

    /// Verifies a password against a stored hash; takes as long when there is none.
    pub async fn verify(
        &self,
        env: &Env,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<Verdict, Error> {
        let salt = env.random::<16>();
        self.run(move |hasher| hasher.verify(&password, stored.as_deref(), &salt)).await?
    }

    /// Refuses a password that somebody would soon guess: one in common use, a pattern, or made of
    /// `known`, what others know of the person.
    pub async fn judge(
        &self,
        password: Zeroizing<String>,
        known: Vec<Zeroizing<String>>,
    ) -> Result<(), Error> {
        let verdict = self.run(move |_| guessable(&password, &known)).await?;
        verdict.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hasher) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let busy = || Error::from(Refusal::new(Code::Unavailable).retry_after(2));
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| busy())?;
        let hasher = Arc::clone(&self.hasher);
        tokio::task::spawn_blocking(move || {
            // The places are held by the work, not by the request: one that is cancelled while
            // its hash runs must not let another one in.
            let _held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, worker);
            work(&hasher)
        })
        .await
        .map_err(|error| Error::internal("hashing a password", error))
    }
}

impl Hasher {
    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    fn hash(&self, password: &str, salt: &[u8]) -> Result<String, Error> {
        let hash: PasswordHash = self
            .argon2()
            .hash_password_with_salt(password.as_bytes(), salt)
            .map_err(|_| Error::Internal { context: "hashing a password", source: None })?;
        Ok(hash.to_string())
    }

    fn verify(&self, password: &str, stored: Option<&str>, salt: &[u8]) -> Result<Verdict, Error> {
        let nobody;
        let text = match stored {
            Some(stored) => stored,
            None => {
                nobody = match self.nobody.get() {
                    Some(hash) => hash.clone(),
                    None => {
                        let hash = self.hash("nobody has this password", salt)?;
                        self.nobody.get_or_init(|| hash).clone()
                    }
                };
                &nobody
            }
        };
        let hash = PasswordHash::new(text)
            .map_err(|_| Error::Internal { context: "reading a password hash", source: None })?;
        let right = self.argon2().verify_password(password.as_bytes(), &hash).is_ok();
        match (right, stored) {
            (true, Some(_)) if self.is_current(&hash) => Ok(Verdict::Right),
            (true, Some(_)) => Ok(Verdict::RightRehash(self.hash(password, salt)?)),
            _ => Ok(Verdict::Wrong),
        }
    }

    fn is_current(&self, hash: &PasswordHash) -> bool {
        Params::try_from(hash).is_ok_and(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost())
                == (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
        })
    }
}

/// Whether a password may be used: long enough, not the user name, not one letter again and again.
pub fn acceptable(password: &str, username: &str) -> Result<(), Refusal> {
    let chars = password.chars().count();
    let mut letters: Vec<char> = password.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if !(MIN_CHARS..=MAX_CHARS).contains(&chars)
        || letters.len() < 4
        || password.to_lowercase().contains(username)
    {
        return Err(Refusal::field(
            "new_password",
            "password_weak",
            "密码须为10至128个字符，不能包含用户名或单调重复",
            "A password has 10 to 128 characters, and neither contains the user name nor repeats itself.",
        ));
    }
    Ok(())
}

/// Below 10⁸ guesses: what leaks once as a list of hashes is read within days.
fn guessable(password: &str, known: &[Zeroizing<String>]) -> Option<Refusal> {
    let judged = Zeroizing::new(password.chars().take(JUDGED_CHARS).collect::<String>());
    let known: Vec<&str> = known.iter().map(|word| word.as_str()).chain(COMMON.iter().copied()).collect();
    let entropy = zxcvbn(&judged, &known);
    if entropy.score() >= Score::Three {
        return None;
    }
    let (zh, en) = why(entropy.feedback().and_then(zxcvbn::feedback::Feedback::warning));
    let zh = format!("这个密码容易被猜到：{zh}。可以把几个不相干的词连在一起，例如一句只有自己知道的话");
    let en = format!(
        "This password is easily guessed: {en}. Join several words that have nothing to do with each other."
    );
    Some(Refusal::field("new_password", "password_guessable", zh, en))
}

/// What makes it guessable, in the person's words; never a part of it.
const fn why(warning: Option<Warning>) -> (&'static str, &'static str) {
    use Warning as W;
    match warning {
        Some(W::StraightRowsOfKeysAreEasyToGuess | W::ShortKeyboardPatternsAreEasyToGuess) => {
            ("是键盘上相邻的键", "it follows the rows of the keyboard")
        }
        Some(W::RepeatsLikeAaaAreEasyToGuess | W::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess) => {
            ("有重复的内容", "it repeats itself")
        }
        Some(
            W::ThisIsATop10Password
            | W::ThisIsATop100Password
            | W::ThisIsACommonPassword
            | W::ThisIsSimilarToACommonlyUsedPassword,
        ) => ("很多人都在用", "many people use it or one like it"),
        Some(W::SequencesLikeAbcAreEasyToGuess) => ("是连续的字母或数字", "it counts up or down"),
        Some(W::RecentYearsAreEasyToGuess | W::DatesAreOftenEasyToGuess) => {
            ("是日期或年份", "it is a date or a year")
        }
        Some(W::AWordByItselfIsEasyToGuess) => ("只是一个词", "it is a single word"),
        Some(W::NamesAndSurnamesByThemselvesAreEasyToGuess | W::CommonNamesAndSurnamesAreEasyToGuess) => {
            ("是人名", "it is a name")
        }
        None => ("太简单，或用了别人知道的信息", "it is too simple, or made of what others know about you"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(passes: u32, queue: usize) -> Passwords {
        Passwords::new(&config::Passwords { memory_kib: 64, passes, workers: 1, queue }).unwrap()
    }

    fn text(password: &str) -> Zeroizing<String> {
        Zeroizing::new(password.to_owned())
    }

    #[tokio::test]
    async fn verifies_and_rehashes_when_the_parameters_changed() {
        let env = &Env::system();
        let old = passwords(1, 8);
        let hash = old.hash(env, text("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert_eq!(old.verify(env, text("correct horse"), Some(hash.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(old.verify(env, text("wrong horse"), Some(hash.clone())).await.unwrap(), Verdict::Wrong);
        assert_eq!(old.verify(env, text("nobody has this password"), None).await.unwrap(), Verdict::Wrong);

        let new = passwords(2, 8);
        let Verdict::RightRehash(fresh) = new.verify(env, text("correct horse"), Some(hash)).await.unwrap()
        else {
            panic!("other parameters ask for a new hash");
        };
        assert_eq!(new.verify(env, text("correct horse"), Some(fresh)).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn beyond_the_queue_the_answer_is_busy() {
        let env = &Env::system();
        let pool = passwords(4, 2);
        let hashes = (0..12).map(|_| pool.hash(env, text("correct horse")));
        let outcomes = futures_util::future::join_all(hashes).await;
        let busy = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        assert!((1..=9).contains(&busy), "{busy} of 12 refused with one worker and a queue of two");
        for error in outcomes.into_iter().filter_map(Result::err) {
            let refusal = error.refusal().unwrap().clone();
            assert_eq!((refusal.code, refusal.retry_after_s), (Code::Unavailable, Some(2)));
        }
    }

    #[test]
    fn what_others_would_try_first_is_refused_with_a_reason() {
        let known = ["li.hua", "hua", "李华", "13800138000", "采荷街道", "caihe"];
        let known: Vec<_> = known.map(text).to_vec();
        let hint = |password: &str| guessable(password, &known).map(|refusal| refusal.errors[0].clone());
        for (password, zh) in [
            ("password123", "很多人都在用"),
            ("1qaz2wsx3edc", ""),
            ("qwertyuiop", ""),
            ("1234567890", ""),
            ("abcabcabcabc", "重复"),
            ("woaini1314520", ""),
            ("13800138000", ""),
            ("13800138000a", ""),
            ("caihe20261124", ""),
            ("linli20261124", ""),
            ("采荷街道采荷街道采荷街道", ""),
            ("19860512001", ""),
        ] {
            let error = hint(password).unwrap_or_else(|| panic!("{password} is taken"));
            assert_eq!((error.field.as_str(), error.code), ("new_password", "password_guessable"));
            assert!(error.zh.contains(zh), "{password}: {}", error.zh);
            assert!(!error.zh.contains(password) && !error.en.contains(password));
        }
        for password in
            ["清晨的河边有雾特别大", "teapot-lantern-walrus", "7#kQ!vz2Lm", &"老猫在窗台上晒太阳".repeat(14)]
        {
            assert_eq!(hint(password), None, "{password}");
        }
    }

    #[tokio::test]
    async fn judging_takes_a_place_like_hashing() {
        let pool = passwords(1, 1);
        let judge = || pool.judge(text(&"aB3$".repeat(32)), vec![]);
        let outcomes = futures_util::future::join_all((0..12).map(|_| judge())).await;
        let busy = |error: &Error| error.refusal().is_some_and(|refusal| refusal.code == Code::Unavailable);
        let busy = outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(busy)).count();
        assert!(busy >= 1, "no place was asked for");
    }

    #[test]
    fn weak_passwords_are_refused() {
        for password in ["short", "aaaaaaaaaaaa", "lihua-2026-x", &"x1y2".repeat(33)] {
            assert!(acceptable(password, "lihua").is_err(), "{password}");
        }
        assert!(acceptable("清晨的河边有雾很大", "lihua").is_err(), "nine characters");
        assert!(acceptable("清晨的河边有雾特别大", "lihua").is_ok());
    }
}
