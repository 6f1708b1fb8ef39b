# What an administrator makes for Vigie in Request Tracker: a queue, two fields of its tickets, the service user with no
# more rights than it needs, and a technician. Prints each user's token as "name token".
use strict;
use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT -init;

my ($queue_name, @fields) = @ARGV;
my $system = RT->SystemUser;

sub made {
    my ($id, $said) = @_;
    die "$said\n" unless $id;
    return $id;
}

my $queue = RT::Queue->new($system);
made($queue->Create(Name => $queue_name));
for my $name (@fields) {
    my $field = RT::CustomField->new($system);
    made($field->Create(Name => $name, Type => 'FreeformSingle', LookupType => RT::Ticket->CustomFieldLookupType));
    made($field->AddToObject($queue));
}

my @service = qw(SeeQueue ShowTicket ShowTicketComments CreateTicket CommentOnTicket ModifyTicket
    SeeCustomField ModifyCustomField);
my %rights = (vigie => \@service, paul => [@service, qw(ReplyToTicket OwnTicket TakeTicket DeleteTicket)]);
for my $name (sort keys %rights) {
    my $user = RT::User->new($system);
    made($user->Create(Name => $name, Privileged => 1));
    made($user->PrincipalObj->GrantRight(Right => $_, Object => $queue)) for @{ $rights{$name} };
    my ($id, $said, $token) = RT::AuthToken->new($system)->Create(Owner => $user->Id, Description => 'Vigie');
    made($id, $said);
    print "$name $token\n";
}
