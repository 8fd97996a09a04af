use clap::Parser;

use super::*;
use crate::program::parsed;

/// A shop
#[derive(Debug, clap::Parser)]
#[command(name = "shop", version, about)]
struct Shop {
    /// The name of the shop
    #[arg(long, global = true, help_heading = "Shop")]
    name: Option<String>,
    #[command(subcommand)]
    command: Called<Trade>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Trade {
    /// Give for money
    Sell(Later<Terms>),
    /// Take for money
    Buy(Later<Terms>),
    /// Count what is there
    Count {
        #[arg(long)]
        twice: bool,
    },
    #[command(flatten)]
    Door(Called<Door>),
}

/// What is done with the door.
#[derive(Debug, Clone, clap::Subcommand)]
enum Door {
    /// Let people in
    Open(Later<Hours>),
    /// Send them home
    Close,
}

#[derive(Debug, Clone, clap::Args)]
struct Hours {
    /// How long
    #[arg(long)]
    hours: Option<u32>,
}

/// What a trade is about.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Terms")]
struct Terms {
    /// The ware
    ware: String,
    /// What it costs
    #[arg(long, default_value_t = 1)]
    price: u32,
    /// In good condition
    #[arg(long, conflicts_with = "price")]
    free: bool,
}

const LINES: &[&str] = &[
    "",
    "sell apple",
    "sell apple --price 3 --name Ann",
    "--name Ann sell apple",
    "--name sell buy apple",
    "buy sell",
    "buy buy",
    "sell -- --price",
    "count --twice",
    "open --hours 3 --name Ann",
    "open --hours many",
    "close",
    "clos",
    "sell open",
    "close sell",
    "help open",
    "close --help",
    "sell",
    "sell apple --price many",
    "sell apple --price 3 --free",
    "sell apple --pric 3",
    "sell apple pear",
    "sel apple",
    "steal apple",
    "count sell",
    "--nam Ann count",
    "--version",
    "-V",
    "--name Ann --version",
    "steal --version",
    "sell --version",
    "--help",
    "-h",
    "sell --help",
    "sell -h",
    "help",
    "help buy",
    "help steal",
    "--help sell",
];

#[test]
fn a_line_is_answered_as_if_everything_were_described() {
    for line in LINES {
        let line = format!("shop {line}");
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        match (parsed::<Shop>(&words), Shop::try_parse_from(&words)) {
            (Ok(one), Ok(all)) => assert_eq!(format!("{one:?}"), format!("{all:?}"), "{line}"),
            (Err(one), Err(all)) => {
                assert_eq!(one.kind(), all.kind(), "{line}");
                assert_eq!(one.to_string(), all.to_string(), "{line}");
            }
            (one, all) => panic!("{line}: {one:?}, {all:?}"),
        }
    }
}

/// Fails the test when somebody asks for it.
#[derive(Debug)]
struct Unasked;

impl Args for Unasked {
    fn augment_args(_: Command) -> Command {
        panic!("it was not called")
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Unasked {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

#[derive(Debug, clap::Parser)]
#[command(version)]
struct Two {
    #[command(subcommand)]
    command: Called<OneOfTwo>,
}

#[derive(Debug, clap::Subcommand)]
enum OneOfTwo {
    Asked(Later<Terms>),
    Not(Later<Unasked>),
}

#[test]
fn what_is_not_called_is_not_described() {
    let line = |words: &[&str]| words.iter().map(Into::into).collect::<Vec<OsString>>();
    let two: Two = parsed(&line(&["two", "asked", "apple"])).unwrap();
    assert!(matches!(&*two.command, OneOfTwo::Asked(terms) if terms.ware == "apple"));
    let version = parsed::<Two>(&line(&["two", "--version"])).unwrap_err();
    assert_eq!(version.kind(), clap::error::ErrorKind::DisplayVersion);
}

/// Fails the test when somebody asks for it.
#[derive(Debug)]
struct UnaskedGroup;

impl Subcommand for UnaskedGroup {
    fn augment_subcommands(_: Command) -> Command {
        panic!("none of it was called")
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        name == "uncalled"
    }
}

impl FromArgMatches for UnaskedGroup {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

#[derive(Debug, clap::Parser)]
struct Grouped {
    #[command(subcommand)]
    command: Called<OneOrGroup>,
}

#[derive(Debug, clap::Subcommand)]
enum OneOrGroup {
    Asked(Later<Terms>),
    #[command(flatten)]
    Not(Called<UnaskedGroup>),
}

#[test]
fn a_group_of_which_none_is_called_is_not_described() {
    let line = ["grouped", "asked", "apple"].map(Into::into);
    let grouped: Grouped = parsed(&line).unwrap();
    assert!(matches!(&*grouped.command, OneOrGroup::Asked(terms) if terms.ware == "apple"));
}

#[test]
fn outside_of_a_line_everything_is_described() {
    use clap::CommandFactory;
    let _ = parsed::<Shop>(&["shop".into(), "count".into()]);
    let names = |command: &Command| command.get_subcommands().count();
    let shop = Shop::command();
    assert_eq!(names(&shop), 5);
    let sell = shop.find_subcommand("sell").unwrap();
    assert!(
        sell.get_arguments()
            .any(|argument| argument.get_id() == "price")
    );
    assert_eq!(sell.get_about().unwrap().to_string(), "Give for money");
}
