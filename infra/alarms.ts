import { type Functions, METRICS, serviceName } from './functions';
import type { Events } from './queue';
import type { Settings } from './stack-settings';

/** Alarms: messages in the dead-letter queue, a growing queue, failing or throttled functions. */
export function createAlarms(settings: Settings, { events, functions }: { events: Events; functions: Functions }) {
  const actions = settings.alarmEmail === undefined ? [] : [emailTopic(settings.alarmEmail)];
  const queueName = events.queue.nodes.queue.name;
  const deadLettersName = events.deadLetters.nodes.queue.name;

  const alarm = (name: string, description: string, args: Omit<aws.cloudwatch.MetricAlarmArgs, CommonAlarmArgs>) =>
    new aws.cloudwatch.MetricAlarm(name, {
      alarmDescription: `${serviceName()}: ${description}`,
      comparisonOperator: 'GreaterThanThreshold',
      treatMissingData: 'notBreaching',
      period: 300,
      alarmActions: actions,
      okActions: actions,
      ...args,
    });

  alarm('DeadLettersAlarm', 'Pictures could not be indexed after every retry: GET /failures says why.', {
    namespace: 'AWS/SQS',
    metricName: 'ApproximateNumberOfMessagesVisible',
    dimensions: { QueueName: deadLettersName },
    statistic: 'Maximum',
    evaluationPeriods: 1,
    threshold: 0,
  });
  alarm(
    'QueueAgeAlarm',
    'Pictures wait longer than 15 minutes: raise SIGHTLINE_INGEST_CONCURRENCY or look at errors.',
    {
      namespace: 'AWS/SQS',
      metricName: 'ApproximateAgeOfOldestMessage',
      dimensions: { QueueName: queueName },
      statistic: 'Maximum',
      evaluationPeriods: 3,
      threshold: 15 * 60,
    },
  );
  // Lambda's errors count failed runs only; most faults are answered with 500 or 503.
  alarm('ApiAnswersAlarm', 'The API could not answer more than 5 requests in 5 minutes: its log says why.', {
    namespace: METRICS.namespace,
    metricName: METRICS.serverErrors,
    dimensions: { service: serviceName() },
    statistic: 'Sum',
    evaluationPeriods: 1,
    threshold: 5,
  });
  for (const [name, fn] of [
    ['Api', functions.api.nodes.function.name],
    ['Ingest', functions.ingest.nodes.function.name],
  ] as const) {
    for (const metricName of ['Errors', 'Throttles']) {
      alarm(`${name}${metricName}Alarm`, `${metricName} of the ${name.toLowerCase()} function.`, {
        namespace: 'AWS/Lambda',
        metricName,
        dimensions: { FunctionName: fn },
        statistic: 'Sum',
        evaluationPeriods: 1,
        threshold: 0,
      });
    }
  }
}

/**
 * Budget of the whole account, because AWS only separates stages by tags that were activated for billing.
 */
export function createBudget(settings: Settings) {
  if (settings.monthlyBudget === undefined) return;
  const subscriberEmailAddresses = settings.alarmEmail === undefined ? [] : [settings.alarmEmail];
  const notification = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
    notificationType,
    threshold,
    thresholdType: 'PERCENTAGE',
    comparisonOperator: 'GREATER_THAN',
    subscriberEmailAddresses,
  });
  new aws.budgets.Budget('Budget', {
    budgetType: 'COST',
    limitAmount: String(settings.monthlyBudget),
    limitUnit: 'USD',
    timeUnit: 'MONTHLY',
    notifications: [notification('ACTUAL', 50), notification('ACTUAL', 100), notification('FORECASTED', 100)],
  });
}

type CommonAlarmArgs =
  | 'alarmDescription'
  | 'comparisonOperator'
  | 'treatMissingData'
  | 'period'
  | 'alarmActions'
  | 'okActions';

function emailTopic(email: string) {
  const topic = new aws.sns.Topic('Alarms');
  new aws.sns.TopicSubscription('AlarmsEmail', { topic: topic.arn, protocol: 'email', endpoint: email });
  return topic.arn;
}
