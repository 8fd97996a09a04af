//! Mail to a real listener of SMTP.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::domain::EmailAddress;

/// A mail as the listener received it.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedMail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// The header and the body.
    pub(crate) text: String,
}

impl ReceivedMail {
    /// Returns the secret in the link, with the soft line breaks of quoted-printable removed.
    pub(crate) fn secret(&self) -> String {
        let text = self.text.replace("=\r\n", "").replace("=3D", "=");
        let (_, rest) = text.split_once('#').unwrap();
        let end = rest.find(|letter: char| letter.is_whitespace());
        rest[..end.unwrap_or(rest.len())].to_owned()
    }
}

/// A server that receives mail.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    mails: mpsc::UnboundedReceiver<ReceivedMail>,
}

impl Sink {
    /// Starts a server. It answers the first recipients with these statuses, and others with 250.
    pub(crate) async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = mpsc::unbounded_channel();
        let statuses: Arc<Mutex<Vec<u16>>> = Arc::new(Mutex::new(statuses.to_vec()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, statuses) = (sender.clone(), Arc::clone(&statuses));
                tokio::spawn(async move { serve(stream, &sender, &statuses).await });
            }
        });
        Self { address, mails }
    }

    /// Returns the next mail.
    pub(crate) async fn next(&mut self) -> ReceivedMail {
        let received = tokio::time::timeout(Duration::from_secs(60), self.mails.recv()).await;
        received.expect("a mail").unwrap()
    }

    /// Returns whether a mail has arrived that the test has not read.
    pub(crate) fn has_mail(&mut self) -> bool {
        self.mails.try_recv().is_ok()
    }

    pub(crate) fn config(&self) -> MailConfig {
        MailConfig::for_tests(&format!("smtp://{}", self.address))
    }
}

async fn serve(
    stream: TcpStream,
    mails: &mpsc::UnboundedSender<ReceivedMail>,
    statuses: &Mutex<Vec<u16>>,
) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut mail = ReceivedMail {
        from: String::new(),
        to: Vec::new(),
        text: String::new(),
    };
    let mut answer = "220 sink".to_owned();
    loop {
        writer
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .unwrap();
        let Ok(Some(line)) = lines.next_line().await else {
            return;
        };
        answer = match line.split([' ', ':']).next().unwrap() {
            "EHLO" => "250 sink".to_owned(),
            "MAIL" => {
                mail.from = line;
                "250 OK".to_owned()
            }
            "RCPT" => {
                let mut statuses = statuses.lock().unwrap();
                let refusal = (!statuses.is_empty()).then(|| statuses.remove(0));
                mail.to.push(line);
                format!("{} recipient", refusal.unwrap_or(250))
            }
            "DATA" => {
                writer.write_all(b"354 end with a dot\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await
                    && line != "."
                {
                    mail.text.push_str(&line);
                    mail.text.push_str("\r\n");
                }
                mails.send(mail.clone()).unwrap();
                mail.to.clear();
                mail.text.clear();
                "250 OK".to_owned()
            }
            "QUIT" => return,
            _ => "250 OK".to_owned(),
        };
    }
}

fn mail(subject: &str, text: &str) -> Mail {
    Mail {
        to: EmailAddress::parse("ann@example.com").unwrap(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        pdf: None,
    }
}

/// Keeps the results.
#[derive(Default)]
struct Results(Mutex<Vec<MailResult>>);

impl Observer for Results {
    fn committed(&self, _: Duration, _: bool) {}

    fn seat_changed(&self, _: &license_seats::PoolEvent) {}

    fn signed(&self, _: Duration) {}

    fn mailed(&self, result: MailResult) {
        self.0.lock().unwrap().push(result);
    }
}

#[tokio::test]
async fn a_mail_arrives_as_plain_text_and_its_values_add_no_header() {
    let mut sink = Sink::start(&[]).await;
    let mailer = Mailer::start(&sink.config(), Arc::new(())).unwrap();
    mailer.push(mail(
        "Hello\r\nBcc: eve@example.com",
        "Text\r\n.\r\nMAIL FROM:<eve@example.com>\n",
    ));
    let found = sink.next().await;
    assert!(found.from.contains("<no-reply@example.com>"), "{found:?}");
    let [to] = &found.to[..] else {
        panic!("{found:?}");
    };
    assert!(to.contains("<ann@example.com>"), "{to}");
    let (head, body) = found.text.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(!head.lines().any(|line| line.starts_with("bcc:")), "{head}");
    for line in [
        "to: ann@example.com",
        "auto-submitted: auto-generated",
        "content-type: text/plain; charset=utf-8",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(
        head.contains("message-id: <") && head.contains("date: "),
        "{head}"
    );
    // A line with a dot does not end the mail.
    assert!(body.contains("MAIL FROM"), "{body}");
    assert!(!sink.has_mail());
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_repeated_and_another_one_is_not() {
    let mut sink = Sink::start(&[450, 250, 550, 450, 450, 450]).await;
    let (_, receiver) = mpsc::channel(1);
    let worker = MailWorker {
        outgoing: Outgoing::new(&sink.config()).unwrap(),
        receiver,
        observer: Arc::new(()),
        pauses: const { &[Duration::from_millis(1); 2] },
    };
    let mail = mail("Hello", "Text");
    assert_eq!(worker.deliver(&mail).await, MailResult::Sent);
    assert_eq!(sink.next().await.to.len(), 1);
    assert_eq!(worker.deliver(&mail).await, MailResult::Failed, "550");
    assert_eq!(
        worker.deliver(&mail).await,
        MailResult::Failed,
        "450 three times"
    );
    assert_eq!(worker.deliver(&mail).await, MailResult::Sent);
}

#[tokio::test]
async fn mails_beyond_the_limit_are_dropped_and_counted() {
    // Nothing listens here, so the first mail waits for its repetition.
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let results = Arc::new(Results::default());
    let config = MailConfig::for_tests(&format!("smtp://{address}"));
    let mailer = Mailer::start(&config, Arc::<Results>::clone(&results)).unwrap();
    for _ in 0..MAX_WAITING + 3 {
        mailer.push(mail("Hello", "Text"));
    }
    let dropped = results.0.lock().unwrap().clone();
    assert_eq!(dropped, [MailResult::Dropped; 3]);
}
